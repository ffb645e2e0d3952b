"""What is kept of a provider while keys at it are owed: how to reach it, and its last good admin credential.

A namespace that is deleted takes the provider object and its Secret along, often before the pool; the keys would live
on. So one Secret per provider UID stands beside the ledgers, only as long as anything is owed there.
"""

import base64
import json
import logging

from pydantic import SecretStr, ValidationError

from keypool.api.provider import KeyProviderSpec
from keypool.api.tenancy import ClusterKeyProviderSpec
from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool.cluster.records import put

NAME = "keypool-provider-{uid}"
LABEL = "keypool.dev/provider-record"

_log = logging.getLogger(__name__)


async def keep(client: KubeClient, namespace: str, uid: str, spec: KeyProviderSpec, credential: SecretStr) -> None:
    """Stores, or replaces, what is needed to revoke keys at this provider later."""
    content = {
        "spec": json.dumps(spec.model_dump(mode="json", by_alias=True, exclude_none=True)),
        "credential": credential.get_secret_value(),
    }
    await put(client, namespace, NAME.format(uid=uid), "keypool.dev/provider", LABEL, content)


async def recall(client: KubeClient, namespace: str, uid: str) -> tuple[KeyProviderSpec, SecretStr] | None:
    """What was kept, None when there is nothing usable."""
    try:
        secret = await client.get(paths.secret(namespace, NAME.format(uid=uid)))
        data = {key: base64.b64decode(text).decode() for key, text in (secret.get("data") or {}).items()}
        spec = json.loads(data["spec"])
        model = ClusterKeyProviderSpec if "tenants" in spec else KeyProviderSpec
        return model.model_validate(spec), SecretStr(data["credential"])
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
