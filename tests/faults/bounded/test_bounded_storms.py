"""The API server refuses everything for a while: nothing is lost or doubled or piles up, and all goes on by itself."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from keypool.app import Replica
from keypool.cluster.lease import LeadershipLost
from keypool.serve.audit import AuditLog
from keypool.watch import kopf_watch, liveness
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest
from tests.faults.bounded.measuring import growth
from tests.faults.bounded.proxy import Proxy
from tests.waiting import eventually, within

POOLS = [f"p{number}" for number in range(6)]
LATE = [f"late{number}" for number in range(3)]
MOST_TASKS, MOST_FILES = 150, 150
"""What a storm may add, the proxy's own share included: each of its connections counts there twice."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams of a second, which count as silent after three."""
    monkeypatch.setattr(kopf_watch, "STREAM_SECONDS", 1)
    monkeypatch.setattr(kopf_watch, "_SILENCE", 3)
    monkeypatch.setattr(liveness, "STALE", 3.0)


async def readiness(replica: Replica) -> tuple[int, str]:
    """What /readyz says."""
    url = f"http://127.0.0.1:{replica.server.port}/readyz"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def served(team: Team, *names: str) -> dict[str, str]:
    """The published key of each pool, once all are Ready."""
    for name in names:
        await team.ready(name, deadline=25)
    return {name: await team.value(name) or "" for name in names}


@pytest.mark.parametrize(("status", "retry_after"), [(429, "1"), (503, None)])
async def test_a_storm_of_refusals_makes_it_unready_piles_up_nothing_and_passes(
    *, operator: Operator, team: Team, simulator: Simulator, proxy: Proxy, provider: str, status: int, retry_after: str
) -> None:
    """While the Lease can be kept."""
    await team.apply(*map(pool_manifest, POOLS))
    before = await served(team, *POOLS)

    async def unready() -> bool:
        code, text = await readiness(operator.replica)
        return code == 503 and "watch of apikeypools: silent for" in text

    async with growth() as grown:
        storm = proxy.add("refuse", but=("leases",), skip=25, status=status, retry_after=retry_after)
        for name in POOLS:
            await team.annotate(name, rotate="now")
        proxy.hang_up()
        await team.apply(*map(pool_manifest, LATE))
        await eventually(unready, 20, "unready")
        assert operator.leads
        proxy.rules.clear()
        await _ready_again(operator.replica)
        for name in POOLS:
            await team.changes(before[name], name, deadline=25)
        await served(team, *POOLS, *LATE)
    assert storm.met >= len(POOLS)
    assert grown.tasks <= MOST_TASKS
    assert grown.files <= MOST_FILES
    assert simulator.record.mutations() == {"created": 2 * len(POOLS) + len(LATE)}, "each once, and none revoked"


@asynccontextmanager
async def supervised(operator: Operator) -> AsyncIterator[list[str]]:
    """Starts it again whenever it ends because the Lease is lost, as a kubelet does; yields why it ended."""
    ended, stop, audit = list[str](), asyncio.Event(), AuditLog(io.StringIO())

    async def keep() -> None:
        while not stop.is_set():
            operator.replica = Replica(operator.settings, audit, operator.clock)
            try:
                await operator.replica.run(stop)
            except LeadershipLost as lost:
                ended.append(str(lost))

    keeping = asyncio.create_task(keep())
    try:
        yield ended
    finally:
        stop.set()
        await within(keeping, 60)
        await asyncio.to_thread(audit.close)


async def test_when_not_even_the_lease_can_be_renewed_the_process_ends_and_its_successor_goes_on(
    make_operator: OperatorMaker, team: Team, simulator: Simulator, proxy: Proxy, provider: str
) -> None:
    one = make_operator("one")
    quick = {"lease_duration": 2.0, "lease_renew_deadline": 1.5, "lease_retry": 0.3}
    one.settings = one.settings.model_copy(update=quick)
    async with supervised(one) as ended:
        await team.apply(*map(pool_manifest, POOLS))
        before = await served(team, *POOLS)

        async def has_ended() -> bool:
            return bool(ended)

        async def out_of_reach() -> bool:
            try:
                return (await readiness(one.replica))[0] == 503
            except aiohttp.ClientError:  # it does not listen yet
                return False

        async with growth() as grown:
            proxy.add("refuse", status=503)
            proxy.hang_up()
            await eventually(has_ended, 10, "the leader gives up")
            await eventually(out_of_reach, 10, "its successor tells that it is not ready")
            for name in POOLS:
                await team.annotate(name, rotate="now")
            proxy.rules.clear()
            await _ready_again(one.replica)
            for name in POOLS:
                await team.changes(before[name], name, deadline=25)
            await served(team, *POOLS)
        assert grown.tasks <= MOST_TASKS
        assert grown.files <= MOST_FILES
        assert simulator.record.mutations() == {"created": 2 * len(POOLS)}


async def _ready_again(replica: Replica) -> None:
    async def ready() -> bool:
        return (await readiness(replica))[0] == 200

    await eventually(ready, 25, "ready again")
