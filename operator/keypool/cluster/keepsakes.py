"""What is kept of a provider while keys at it are owed: how to reach it, and its last good admin credential.

A namespace that is deleted takes the provider object and its Secret along, often before the pool; the keys would live
on. So one Secret per provider UID stands beside the ledgers, only as long as anything is owed there.
"""

import base64
import json
import logging
from typing import NamedTuple

from pydantic import BaseModel, SecretStr, ValidationError

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_auth import CaRef
from keypool.api.tenancy import ClusterKeyProviderSpec
from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.cluster.records import put

NAME = "keypool-provider-{uid}"
LABEL = "keypool.dev/provider-record"

_log = logging.getLogger(__name__)


class Kept(NamedTuple):
    """`authorities`: the Secret that the certificates in `spec` came from, None for no Secret."""

    spec: KeyProviderSpec
    credential: SecretStr
    authorities: CaRef | None


async def keep(client: KubeClient, namespace: str, uid: str, kept: Kept) -> None:
    """Stores, or replaces, what is needed to revoke keys at this provider later."""
    content = {"spec": json.dumps(_dumped(kept.spec)), "credential": kept.credential.get_secret_value()}
    if kept.authorities is not None:
        content["authorities"] = json.dumps(_dumped(kept.authorities))
    await put(client, namespace, NAME.format(uid=uid), "keypool.dev/provider", LABEL, content)


def _dumped(model: BaseModel) -> object:
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def recall(client: KubeClient, namespace: str, uid: str) -> Kept | None:
    """What was kept, None when there is nothing usable."""
    try:
        secret = await client.get(paths.secret(namespace, NAME.format(uid=uid)))
        data = {key: base64.b64decode(text).decode() for key, text in (secret.get("data") or {}).items()}
        spec = json.loads(data["spec"])
        model = ClusterKeyProviderSpec if "tenants" in spec else KeyProviderSpec
        authorities = CaRef.model_validate_json(data["authorities"]) if "authorities" in data else None
        return Kept(model.model_validate(spec), SecretStr(data["credential"]), authorities)
    except (NotFound, KeyError):
        return None
    except (ValueError, ValidationError):
        _log.error("the record kept of provider %s is damaged", uid)
        return None


async def drop(client: KubeClient, namespace: str, uid: str) -> None:
    """Forgets the credential: nothing is owed there any more."""
    try:
        await client.delete(paths.secret(namespace, NAME.format(uid=uid)))
    except NotFound:
        return


async def all_kept(client: KubeClient, namespace: str) -> set[str]:
    """UIDs of the providers whose credential is kept."""
    prefix = NAME.format(uid="")
    secrets = client.list(paths.secrets(namespace), f"{LABEL}=true")
    return {secret["metadata"]["name"].removeprefix(prefix) async for secret in secrets}
