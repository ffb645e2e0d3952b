"""Installed, used and uninstalled as the README says, on a cluster that had never heard of keypool: nothing is left."""

import json
from collections.abc import Iterator

import pytest

from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from keypool_lab.lab.install import ACCOUNT, SYSTEM
from keypool_lab.simulator import Simulator
from tests.cluster.installation import MANIFESTS
from tests.cluster.running import Clock, Operator
from tests.cluster.team import admin_secret, provider_manifest
from tests.waiting import eventually

KINDS = ("namespaces", "crds", "clusterroles", "clusterrolebindings", "secrets", "leases", "events.events.k8s.io")


@pytest.fixture
def cluster(binaries: Binaries) -> Iterator[Cluster]:
    """A control plane, and nothing else."""
    with ControlPlane.start(binaries) as plane:
        yield plane


async def traces(cluster: Cluster) -> set[str]:
    """The objects of the cluster, but for Events, that somebody who looks for keypool would find."""
    text = await cluster.kubectl("get", ",".join(KINDS[:-1]), "--all-namespaces", "--output=json")
    found = json.loads(text.checked())["items"]
    return {f"{each['kind']} {each['metadata']['name']}" for each in found if "keypool" in json.dumps(each)}


async def test_uninstalled_in_the_documented_order_nothing_is_left(cluster: Cluster, simulator: Simulator) -> None:
    """Pools first, while the operator runs; then the rest. No key lives on at the provider."""

    async def run(*args: str, stdin: str | None = None) -> str:
        return (await cluster.kubectl(*args, stdin=stdin)).checked()

    base = str(MANIFESTS / "base")
    await run("apply", "--server-side", "-k", base)
    operator = Operator(await cluster.kubeconfig_for(SYSTEM, ACCOUNT), SYSTEM, "", Clock())
    await operator.start()
    try:
        secret = admin_secret(simulator)
        account = (secret, provider_manifest(simulator.url))
        await run("apply", "--filename=-", stdin="\n---\n".join(json.dumps(each) for each in account))
        await run("apply", f"--filename={MANIFESTS / 'samples' / 'pool.yaml'}")
        await run("wait", "--for=condition=Ready", "akp", "--all", "--timeout=60s")
        assert simulator.record.live_keys()
        await run("delete", "akp", "--all", "--all-namespaces")
        ledgers = ("get", "secret", "--namespace", SYSTEM, "--selector=keypool.dev/ledger=true", "--output=name")

        async def nothing_owed() -> bool:
            return await run(*ledgers) == ""

        await eventually(nothing_owed, 30, "no ledger is left")
    finally:
        await operator.stop()
    await run("delete", "keyprovider,secret", "--all")
    await run("delete", "-k", base)
    assert not simulator.record.live_keys()
    assert await traces(cluster) == set()
