"""A leader that sees nothing gives the Lease up; a standby is ready only when it has shown that it could lead."""

import io
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import kopf
import pytest

from keypool.app import LEASE
from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.rights import missing_rights
from keypool.health import Patience
from keypool.watch import kopf_watch
from keypool.watch.liveness import Liveness
from tests.cluster.conftest import OperatorMaker
from tests.cluster.narrowing import Bindings
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.cluster.test_watch import Watcher, pool
from tests.waiting import eventually

IMPATIENT = Patience(blind=8.0, pause=3.0, longest=6.0)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of a second, and a resync every other: a leader that sees the cluster shows it within that time."""
    monkeypatch.setattr(kopf_watch, "STREAM_SECONDS", 1)
    monkeypatch.setattr("keypool.watch.resync.UNSEEN", 2.0)


@pytest.fixture
async def client(kubeconfig: Path) -> AsyncIterator[KubeClient]:
    """The operator's."""
    one = await KubeClient.connect(str(kubeconfig))
    yield one
    await one.close()


async def holder(team: Team, system: str) -> str:
    """Who leads, by the Lease."""
    return str((await team.client.get(paths.lease(system, "keypool")))["spec"].get("holderIdentity", ""))


@pytest.mark.usefixtures("quick")
async def test_a_leader_that_sees_nothing_gives_the_lease_up_rests_and_leads_again(
    *, make_operator: OperatorMaker, team: Team, provider: str, admin: KubeClient, system: str, logs: io.StringIO
) -> None:
    """The process goes on: another replica may see more, and this one too, one day."""
    operator, bindings = make_operator("one"), Bindings(admin, system)
    operator.patience = IMPATIENT
    await operator.start()
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.value()
    await bindings.narrow()

    async def rests() -> bool:
        said = operator.replica.not_ready()
        gave_up = bool(said) and said[0].startswith("gave the Lease up: for ")
        return gave_up and not await holder(team, system) and not operator.leads

    await eventually(rests, 40, "the Lease is given up")
    assert operator.replica.health.not_alive() == []
    assert 'pool="chat"' not in operator.replica.metrics.text().decode(), "what it knew is another's to tell now"
    await bindings.widen()

    async def leads() -> bool:
        return operator.leads and not operator.replica.not_ready()

    await eventually(leads, 40, "it leads again")
    assert await team.value() == before
    await team.annotate("chat", rotate="now")
    await team.changes(before or "", deadline=30)
    assert "Traceback" not in logs.getvalue()


async def test_a_standby_is_ready_when_it_has_shown_that_it_could_lead(
    make_operator: OperatorMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new image in which Kopf does not start is never called ready, and /readyz says why."""
    leader, standby = make_operator("one"), make_operator("two")
    await leader.start()

    async def broken(**_: Any) -> Any:
        raise KeyError("getpwuid(): uid not found: 65532")

    with monkeypatch.context() as patched:
        patched.setattr(kopf, "spawn_tasks", broken)
        standby.launch()

        async def says_why() -> bool:
            return any("the watches ended: builtins.KeyError" in line for line in standby.replica.not_ready())

        await eventually(says_why, 20, "the standby says what is missing")
        assert leader.replica.not_ready() == []
    await eventually(lambda: _is_ready(standby), 30, "the standby is ready")
    assert leader.leads
    assert not standby.leads
    assert list(standby.replica.cache.pools()) == []


async def _is_ready(operator: Operator) -> bool:
    return operator.replica.not_ready() == []


@pytest.mark.usefixtures("provider")
async def test_a_standby_that_waited_for_hours_keeps_the_lease_that_it_takes(
    make_operator: OperatorMaker, team: Team, monkeypatch: pytest.MonkeyPatch, logs: io.StringIO
) -> None:
    """What it could not see before it led counts for nothing."""
    waited = 0.0
    sight = partial(Liveness, clock=lambda: time.monotonic() + waited)
    monkeypatch.setattr("keypool.app.Liveness", sight)
    leader, standby = make_operator("one"), make_operator("two")
    await leader.start()
    await standby.start()
    waited = 4 * 3600.0
    await leader.stop()

    async def leads() -> bool:
        return standby.leads and not standby.replica.not_ready()

    await eventually(leads, 20, "the standby leads")
    await team.apply(pool_manifest())
    await team.ready()
    assert standby.replica.health.not_alive() == []
    assert "gave the Lease up" not in logs.getvalue()


async def test_rights_that_a_leader_would_lack_are_named(
    client: KubeClient, admin: KubeClient, system: str, namespace: str
) -> None:
    assert await missing_rights(client, system, (), LEASE) == ([], {})
    own, _ = await missing_rights(client, system, (), "another")
    assert own == [f"no right to update leases in namespace {system}"], "rights to the Lease are limited to its name"
    bindings = Bindings(admin, system)
    await bindings.narrow()
    await bindings.grant(namespace)

    async def named() -> bool:  # an authorizer's cache may lag
        own, places = await missing_rights(client, system, (namespace, "default"), LEASE)
        return (own, list(places)) == ([], ["default"]) and "no right to patch apikeypools" in places["default"]

    await eventually(named, 15, "the rights that are missing")


async def test_a_rehearsal_takes_one_object_of_each_list(client: KubeClient, team: Team) -> None:
    for name in ("a", "b", "c"):
        await team.client.create(paths.pools(team.namespace), pool(name))
    watcher = Watcher(client, (team.namespace,))
    watcher.sample = True
    watcher.start()
    try:
        await eventually(lambda: _is_complete(watcher), 20, "all is in sight")
        assert len(list(watcher.cache.pools())) == 1
    finally:
        await watcher.stop()


async def _is_complete(watcher: Watcher) -> bool:
    return watcher.liveness.complete.is_set() and any(watcher.cache.pools())
