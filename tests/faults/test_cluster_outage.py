"""The API server stands still, or forgets our kinds, while pools are served: nothing is revoked, all goes on after."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keypool.cluster.client import KubeClient
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import ControlPlane
from keypool_lab.simulator import Options, Simulator
from tests.cluster.rights import ACCOUNT, rights
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.conftest import CRDS
from tests.waiting import eventually

SYSTEM, NAMESPACE = "keypool-system", "team"


@pytest.fixture
def plane(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane that only this test disturbs."""
    with ControlPlane.start(binaries, CRDS) as own:
        own.run_kubectl("create", "namespace", NAMESPACE).checked()
        documents = "\n---\n".join(map(json.dumps, rights(own, SYSTEM)))
        own.run_kubectl("apply", "-f", "-", stdin=documents).checked()
        yield own


@pytest.fixture
async def team(plane: ControlPlane) -> AsyncIterator[Team]:
    """The people who work there."""
    client = await KubeClient.connect(str(plane.admin_kubeconfig))
    yield Team(plane, client, NAMESPACE)
    await client.close()


@pytest.fixture
async def simulator(team: Team) -> AsyncIterator[Simulator]:
    """A provider of the test's own, with its provider object."""
    async with Simulator(Options()) as running:
        admin = admin_secret(running)
        await team.apply(admin, provider_manifest(running.url))
        yield running


@pytest.fixture
async def operator(plane: ControlPlane) -> AsyncIterator[Operator]:
    """A running operator; it is stopped at the end, which raises what ended it before."""
    one = Operator(await plane.kubeconfig_for(SYSTEM, ACCOUNT), SYSTEM, "", Clock())
    await one.start()
    yield one
    await one.stop()


def pid_of_api_server(plane: ControlPlane) -> int:
    """The process whose parent is the plane's keeper and whose name is the API server's."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            program = (entry / "cmdline").read_bytes().split(b"\0")[0]
        except OSError:
            continue
        if int(fields[1]) == plane.keeper_pid and program.endswith(b"kube-apiserver"):
            return int(entry.name)
    raise AssertionError("the API server's process is not found")


async def test_an_api_server_that_stands_still_for_seconds_ends_nothing(
    plane: ControlPlane, operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    values = await team.values()
    await team.annotate("chat", rotate="now")
    pid = pid_of_api_server(plane)
    os.kill(pid, signal.SIGSTOP)
    try:
        await asyncio.sleep(5)
    finally:
        os.kill(pid, signal.SIGCONT)
    await eventually(lambda: _rotated(team, values), 30, "both keys are rotated")
    assert operator.leads
    await eventually(lambda: _all_known(team, simulator), 30, "status names every live key, no other")


async def _rotated(team: Team, before: set[str]) -> bool:
    now = await team.values()
    return len(now) == 2 and not now & before


async def _all_known(team: Team, simulator: Simulator) -> bool:
    """Status is written after the Secrets: right after a rotation it may be one step behind."""
    known = {key["name"] for key in await team.keys()}
    return {key.name for key in simulator.record.live_keys()} == known


async def test_deleting_the_crd_revokes_nothing_and_a_new_one_is_served(
    operator: Operator, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest("one", size=2), pool_manifest("two"))
    await team.ready("one")
    await team.ready("two")
    values = await team.values("one") | await team.values("two")
    await team.kubectl("delete", "crd", "apikeypools.keypool.dev", "--timeout=40s")
    assert {key.value for key in simulator.record.live_keys()} == values
    assert await team.value("one") in values
    await asyncio.to_thread(team.cluster.install_crds, CRDS)
    await team.apply(pool_manifest("three"))
    await team.ready("three", deadline=60)
    await team.apply(pool_manifest("one", size=2))
    await team.has("one", "Stalled", "True", "SecretForeign")
    assert values < {key.value for key in simulator.record.live_keys()}
