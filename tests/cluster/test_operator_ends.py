"""The operator is told to end in the middle of much work."""

from keypool_lab.simulator import Options, Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Operator
from tests.cluster.team import Team, steady
from tests.waiting import eventually


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
