"""Objects that are large or many: kinds 2, 3 and 11."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from keypool.cluster import paths
from keypool.core.projection import LABEL_PUBLISHED
from keypool_lab.simulator import Simulator
from tests.abuse.accounts import account
from tests.abuse.attacker import Attacker
from tests.abuse.attacks.attack import Attack
from tests.cluster.team import Object, pool_manifest

SECRETS, SECRET_BYTES = 300, 1_000_000
ANNOTATED, ANNOTATION_BYTES = 800, 250_000
REFUSED, TENANT_POOLS = 2000, 10


def large_secrets(count: int = SECRETS) -> list[Object]:
    """Plain Secrets that say they were published."""
    text = secrets.token_hex(SECRET_BYTES // 2)
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": f"large-{number}", "labels": {LABEL_PUBLISHED: "true"}},
            "stringData": {"apiKey": text},
        }
        for number in range(count)
    ]


@asynccontextmanager
async def foreign_secrets(attacker: Attacker) -> AsyncIterator[None]:
    """300 MB of them, by somebody without any right on keypool's kinds."""
    await attacker.put(large_secrets())
    yield


@asynccontextmanager
async def annotated_pools(attacker: Attacker) -> AsyncIterator[None]:
    """Pools with an annotation of 250 KB each."""
    text = secrets.token_hex(ANNOTATION_BYTES // 2)
    pools = [pool_manifest(f"noted-{number}", providerRef={"name": "absent"}) for number in range(ANNOTATED)]
    for pool in pools:
        pool["metadata"]["annotations"] = {"example.com/note": text}
    await attacker.put(pools)
    yield


def shared_provider(attacker: Attacker, url: str) -> tuple[str, Object, Object]:
    """Name, credential and ClusterKeyProvider of an account in which the attacker's namespace may have ten pools."""
    name = f"shared-{attacker.namespace}"
    secret, provider = account(name, url, "unused")
    selector = {"matchLabels": {"kubernetes.io/metadata.name": attacker.namespace}}
    tenant = {"name": "crowd", "namespaceSelector": selector, "limits": {"pools": TENANT_POOLS}}
    return name, secret, {**provider, "kind": "ClusterKeyProvider", "spec": {**provider["spec"], "tenants": [tenant]}}


async def open_account(attacker: Attacker, simulator: Simulator) -> str:
    """What the administrator had set up before; the provider's name."""
    name, secret, provider = shared_provider(attacker, simulator.url)
    secret["stringData"] = dict.fromkeys(secret["stringData"], simulator.admin_key)
    await attacker.put_wide(secret, paths.secrets(attacker.system))
    await attacker.put_wide(provider, paths.cluster_providers())
    return name


def crowd(provider: str, count: int = REFUSED) -> list[Object]:
    """Pools of a ClusterKeyProvider, more than the tenant may have."""
    ref = {"kind": "ClusterKeyProvider", "name": provider}
    return [pool_manifest(f"crowd-{number}", providerRef=ref) for number in range(count)]


@asynccontextmanager
async def refused_pools(attacker: Attacker) -> AsyncIterator[None]:
    """2,000 pools where ten are allowed."""
    async with Simulator() as simulator:
        await attacker.put(crowd(await open_account(attacker, simulator)))
        yield


OBJECTS = (
    Attack("2: 300 foreign Secrets of 1 MB", foreign_secrets),
    Attack("3: 800 pools with an annotation of 250 KB", annotated_pools),
    Attack("11: 2,000 pools that a limit refuses", refused_pools),
)
