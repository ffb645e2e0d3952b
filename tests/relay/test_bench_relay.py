"""The benchmark of the relay measures something: no figure is judged."""

from pathlib import Path

from keypool_lab.bench.progress import Teller
from keypool_lab.relaybench.measured import GOALS, added, best
from keypool_lab.relaybench.rounds import SHORT, measure
from keypool_lab.relaybench.shares import shares
from keypool_lab.relaybench.targets import ALONE, RELAY


async def test_requests_and_streams_of_a_short_run_all_get_through_and_every_goal_has_a_figure(tmp_path: Path) -> None:
    rounds = await measure(SHORT, [ALONE, "bare aiohttp", RELAY], tmp_path, Teller())
    assert {name: best(those).lost for name, those in rounds.items()} == {ALONE: 0, "bare aiohttp": 0, RELAY: 0}
    assert min(best(those).rate for those in rounds.values()) > 0
    assert all(isinstance(goal.measured(rounds), float | int) for goal in GOALS)
    assert best(rounds[RELAY]).idle_memory > 0
    assert isinstance(added(rounds, RELAY, "p99"), float)


async def test_the_parts_of_the_relay_make_up_what_a_request_costs(tmp_path: Path) -> None:
    told = await shares(1.0, tmp_path)
    assert len(told.samples) > 1
    assert abs(sum(told.costs().values()) - told.request_cpu) < 1
