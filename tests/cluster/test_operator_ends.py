"""The operator is told to end in the middle of much work, or loses its Lease."""

import asyncio
import io

import pytest

from keypool.app import Replica
from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.election import steady as steady_clock
from keypool.cluster.lease import LeadershipLost
from keypool.serve.audit import AuditLog
from keypool_lab.simulator import Options, Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Team, steady
from tests.waiting import eventually, within


async def test_a_rotation_of_many_keys_stops_after_the_key_that_is_being_made(
    operator: Operator, team: Team, ledgers: Ledgers
) -> None:
    """Told to end, the operator finishes the calls it has begun and begins none that it might have to cut off."""
    async with Simulator(Options(latency=0.4)) as slow:
        admin_secret, provider, pool = steady(slow)
        pool["spec"] |= {"size": 6}
        await team.apply(admin_secret, provider, pool)
        await team.ready("steady")
        await team.annotate("steady", rotate="now")

        async def begun() -> bool:
            return len(slow.record.calls("create")) > 6

        await eventually(begun, 10, "the rotation has begun")
        await operator.stop()
        assert len(slow.record.calls("create")) <= 8
        made = {key["name"] for key in await ledgers.keys("steady") if key.get("handle")}
        assert made == {key.name for key in slow.record.live_keys()}, "no answer was cut off"
        await operator.start()
        await team.delete("steady")
        await team.gone("steady")


async def test_a_leader_whose_lease_is_over_can_write_nothing_and_ends(
    make_operator: OperatorMaker, team: Team
) -> None:
    """Its own clock tells, before anybody else has taken the Lease."""
    clients: list[KubeClient] = []

    async def connect(kubeconfig: str | None) -> KubeClient:
        clients.append(await KubeClient.connect(kubeconfig))
        return clients[-1]

    audit = AuditLog(io.StringIO())
    replica = Replica(make_operator("one").settings, audit, connect=connect)
    running = asyncio.create_task(replica.run(asyncio.Event()))

    async def leads() -> bool:  # a standby is ready, too
        return running.done() or bool(clients and clients[0].time_for_writes)

    try:
        await eventually(leads, 20, "the operator leads")
        assert replica.leadership is not None
        replica.leadership._clock = lambda: steady_clock() + 60
        with pytest.raises(LeadershipLost):
            await clients[0].create(paths.events(team.namespace), {})
        with pytest.raises(LeadershipLost):
            await within(running, 20)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await asyncio.to_thread(audit.close)
