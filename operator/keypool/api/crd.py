"""Writes the CustomResourceDefinitions from the models: `python -m keypool.api.crd crds/`."""

import sys
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from keypool.api.crd_columns import HOLDER_COLUMNS, POOL_COLUMNS, PROVIDER_COLUMNS
from keypool.api.crd_provider_rules import CLUSTER_PROVIDER_RULES, PROVIDER_RULES
from keypool.api.crd_rules import HOLDER_RULES, POOL_RULES, Rules, add_rules
from keypool.api.crd_schema import structural
from keypool.api.key_holder import KeyHolderSpec
from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.api.provider import KeyProviderSpec
from keypool.api.status import KeyProviderStatus
from keypool.api.tenancy import ClusterKeyProviderSpec

GROUP = "keypool.dev"
VERSION = "v1alpha1"
CATEGORY = "keypool"
_HEADER = "# Generated from operator/keypool/api by `make crds`; changes belong there.\n"

Document = dict[str, Any]

NOT_SEEN_YET = {"observedGeneration": -1}
"""The status before there is one. Tools that wait (kubectl's kstatus, Flux, Argo CD) take an object without it for
current; with it, it is in progress from its first moment."""


def pool_crd() -> Document:
    """The definition of `ApiKeyPool`."""
    version = _version("A pool of API keys at one provider, published in Secrets and rotated without a gap.")
    version["schema"]["openAPIV3Schema"] |= _body(ApiKeyPoolSpec, ApiKeyPoolStatus, POOL_RULES)
    version["subresources"]["scale"] = {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.replicas"}
    version["selectableFields"] = [{"jsonPath": ".spec.providerRef.name"}]
    version["additionalPrinterColumns"] = POOL_COLUMNS
    return _definition("ApiKeyPool", "apikeypools", "akp", version)


def provider_crd() -> Document:
    """The definition of `KeyProvider`."""
    version = _version("An account at a provider of language models, with the credential that manages its API keys.")
    version["schema"]["openAPIV3Schema"] |= _body(KeyProviderSpec, KeyProviderStatus, PROVIDER_RULES)
    version["additionalPrinterColumns"] = PROVIDER_COLUMNS
    return _definition("KeyProvider", "keyproviders", "kpv", version)


def cluster_provider_crd() -> Document:
    """The definition of `ClusterKeyProvider`."""
    version = _version("A KeyProvider for pools of the namespaces that it names, with a credential of the operator's.")
    version["schema"]["openAPIV3Schema"] |= _body(ClusterKeyProviderSpec, KeyProviderStatus, CLUSTER_PROVIDER_RULES)
    version["additionalPrinterColumns"] = PROVIDER_COLUMNS
    return _definition("ClusterKeyProvider", "clusterkeyproviders", "ckp", version, scope="Cluster")


def holder_crd() -> Document:
    """The definition of `KeyHolder`: a report without a status."""
    version = _version("Which keys of which pools one pod holds, as the relay in it tells. It goes with its pod.")
    del version["subresources"]
    version["schema"]["openAPIV3Schema"] |= _body(KeyHolderSpec, None, HOLDER_RULES)
    version["additionalPrinterColumns"] = HOLDER_COLUMNS
    return _definition("KeyHolder", "keyholders", "kh", version)


def files() -> dict[str, str]:
    """File name → text of everything that stands in crds/."""
    return {
        f"{GROUP}_{crd['spec']['names']['plural']}.yaml": _HEADER + yaml.safe_dump(crd, sort_keys=False, width=120)
        for crd in (pool_crd(), provider_crd(), cluster_provider_crd(), holder_crd())
    }


def _body(spec: type[BaseModel], status: type[BaseModel] | None, rules: Rules) -> Document:
    root: Document = {
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": "The kind of the object."},
            "metadata": {"type": "object"},
            "spec": structural(spec, defaults=True),
        },
    }
    if status is not None:
        root["properties"]["status"] = {**structural(status, defaults=False), "default": NOT_SEEN_YET}
    add_rules(root, rules)
    return root


def _version(description: str) -> Document:
    schema = {"openAPIV3Schema": {"description": description}}
    return {"name": VERSION, "served": True, "storage": True, "schema": schema, "subresources": {"status": {}}}


def _definition(kind: str, plural: str, short: str, version: Document, scope: str = "Namespaced") -> Document:
    names = {"kind": kind, "listKind": f"{kind}List", "plural": plural, "singular": kind.lower()}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": scope,
            "names": {**names, "shortNames": [short], "categories": [CATEGORY]},
            "versions": [version],
        },
    }


def main(folder: Path) -> None:
    """Writes every file of `files` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
