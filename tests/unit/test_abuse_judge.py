"""How the abuse suite judges, and what it takes for the limit."""

import math
from dataclasses import replace

import pytest

from tests.abuse.bystander import p95
from tests.abuse.judge import RUNNING, Numbers, complaints, table
from tests.abuse.limits import MIB, Box, memory_limit

WITHOUT = Numbers(RUNNING, ready=0.2, rotated=0.2, leak=0.3, peak=90, metrics="200")
GOOD = Numbers(RUNNING, ready=1.3, rotated=1.3, leak=4.9, peak=189, metrics="200")


def test_what_is_within_all_bounds_is_no_complaint() -> None:
    assert complaints([GOOD], [WITHOUT]) == []


@pytest.mark.parametrize(
    ("worse", "said"),
    [
        ({"ready": 1.5}, "a new pool is Ready after 1.50 s, at most 1.40"),
        ({"ready": math.inf}, "a new pool is Ready after inf s"),
        ({"leak": 5.1}, "a reported leak is answered after 5.10 s, at most 5.00"),
        ({"peak": 191}, "the peak is 191 MiB, at most 190"),
        ({"killed": 1}, "replicas were killed for memory 1 times"),
        ({"unhealthy": 1}, "found dead by /healthz"),
        ({"crashed": ["exit code 1"]}, "a replica ended: exit code 1"),
        ({"unready": ["False ProviderNotReady"]}, "the steady pool was not Ready: False ProviderNotReady"),
        ({"metrics": "500"}, "/metrics answers 500"),
    ],
    ids=lambda case: next(iter(case)) if isinstance(case, dict) else "",
)
def test_what_is_worse_than_it_may_be_is_told_with_the_bound(worse: dict[str, object], said: str) -> None:
    (complaint,) = complaints([replace(GOOD, **worse)], [WITHOUT])  # type: ignore[arg-type]
    assert said in complaint


def test_nobody_who_was_never_served_is_taken_for_served_because_the_others_were_not_either() -> None:
    never = replace(WITHOUT, ready=math.inf)
    assert complaints([replace(GOOD, ready=math.inf)], [never])


def test_a_peak_may_have_a_bound_of_its_own() -> None:
    assert complaints([replace(GOOD, peak=400)], [WITHOUT], 430) == []


def test_of_twenty_trials_the_second_longest_counts() -> None:
    assert p95([float(number) for number in range(1, 21)]) == 19.0
    assert p95([1.0, math.inf]) == math.inf


def test_each_way_stands_beside_what_it_is_without_the_attack() -> None:
    lines = table("an attack", [GOOD], [WITHOUT]).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["running", "running,"]


def test_the_limit_is_the_deployments() -> None:
    assert memory_limit() == 512 * MIB


def test_where_no_group_can_be_made_nothing_is_held_and_nothing_counted() -> None:
    assert (Box(None).prefix, Box(None).kills) == ((), 0)
