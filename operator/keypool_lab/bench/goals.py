"""What the figures should be on two quiet cores, beside what they are. Pure; nothing fails when a goal is missed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keypool_lab.bench.figures import Figures

MIB = 1024 * 1024
PROVIDER_MUTATIONS = ("create", "delete")


@dataclass(frozen=True, slots=True)
class Goal:
    """`measured` reads the figure that should be at most `most`; for `count` things at least, otherwise it says
    nothing."""

    scenario: str
    what: str
    most: float
    measured: Callable[[Figures], float]
    count: int = 1


def _writes(one: Figures) -> float:
    return one.cost.writes.total() / one.count


def _mutations(one: Figures) -> float:
    return one.cost.writes.total() + sum(one.cost.calls.get(call, 0) for call in PROVIDER_MUTATIONS)


GOALS: tuple[Goal, ...] = (
    Goal("at-once", "seconds until 1,000 pools are Ready", 15, lambda one: one.total, 1000),
    Goal("steady", "p50 in seconds at 10 a second", 0.25, lambda one: one.percentiles()["p50"]),
    Goal("steady", "p99 in seconds at 10 a second", 0.6, lambda one: one.percentiles()["p99"]),
    Goal("large", "API writes for a new pool of three keys", 11, _writes),
    Goal("rotation", "API writes for a rotated slot, its Event included", 11, _writes),
    Goal("restart", "seconds until 5,000 pools were looked at", 30, lambda one: one.total, 5000),
    Goal("restart", "writes and mutations at the provider", 0, _mutations),
    Goal("idle", "MiB of memory with 5,000 pools", 200, lambda one: one.notes["rss_bytes"] / MIB, 5000),
    Goal("idle", "cores with 5,000 pools", 0.05, lambda one: one.notes["cores"], 5000),
    Goal("idle", "writes and mutations at the provider", 0, _mutations),
    Goal("hanging", "times as long beside a provider that hangs", 1.1, lambda one: one.notes["ratio"]),
    Goal(
        "holders", "MiB of memory for 5,000 holders", 5, lambda one: one.notes["bytes_for_each"] * one.count / MIB, 5000
    ),
    Goal("holders", "API writes for a rotation of 3 slots", 33, lambda one: one.notes["rotation_writes"]),
    Goal("holders", "pods looked up for 1,000 reports", 1, lambda one: one.notes["pods_looked_up"], 1000),
    Goal("holders", "API writes for 1,000 reports", 0, lambda one: one.notes["writes_for_reports"], 1000),
    Goal("holders", "seconds from a report to another key", 5, lambda one: one.notes["replaced_s"]),
    Goal("scrape", "seconds for /metrics with 10,000 pools", 1, lambda one: one.total),
    Goal("scrape", "MB of it", 20, lambda one: one.notes["bytes"] / 1e6),
    Goal("scrape", "seconds that the loop stands still", 0.1, lambda one: one.notes["pause_s"]),
)


def compared(figures: Sequence[Figures]) -> list[tuple[str, str, float, float, bool]]:
    """Scenario, what, the goal, what was measured, and whether it is reached; of the scenarios that were large
    enough."""
    by_name = {one.scenario: one for one in figures}
    found = [(goal, by_name.get(goal.scenario)) for goal in GOALS]
    rows = [(goal, goal.measured(one)) for goal, one in found if one is not None and one.count >= goal.count]
    return [(goal.scenario, goal.what, goal.most, value, value <= goal.most) for goal, value in rows]
