"""The node's clock is set wrong while the operator runs: no key is revoked for it, and all else goes on."""

import io
from datetime import timedelta

from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Clock
from tests.cluster.team import Team, pool_manifest

YEAR = timedelta(days=365)


async def test_a_wall_clock_that_jumps_a_year_in_mid_overlap_revokes_nothing_until_it_is_right_again(
    *, make_operator: OperatorMaker, team: Team, provider: str, simulator: Simulator, clock: Clock, logs: io.StringIO
) -> None:
    operator = make_operator("one")
    operator.anchored = True
    await operator.start()
    await team.apply(pool_manifest(rotation={"overlap": {"min": "8s"}}))
    await team.ready()
    old = await team.value()
    await team.annotate("chat", rotate="now")
    new = await team.changes(old)
    clock.advance(YEAR)
    await team.has("chat", "Revoked", "False", "ClockUncertain", saying="disagree")
    assert {key.value for key in simulator.record.live_keys()} == {old, new}
    assert (await team.condition("chat", "Ready"))["status"] == "True"
    await team.apply(pool_manifest("another"))
    await team.ready("another")
    assert len(simulator.record.keys()) == 3, "no rotation storm"
    assert b"\nkeypool_clocks_agree 0.0" in operator.replica.metrics.text()
    clock.advance(-YEAR)
    await team.poke()
    await team.has("chat", "Revoked", "True")
    assert old not in {key.value for key in simulator.record.live_keys()}
    assert b"\nkeypool_clocks_agree 1.0" in operator.replica.metrics.text()
    assert logs.getvalue().count("the clocks disagree") == 1
