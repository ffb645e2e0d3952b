"""For how long a lack is no failure, and of what."""

from dataclasses import replace
from datetime import timedelta

import pytest

from keypool.core.grace import GRACE, ends
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from tests.unit.core.builders import NOW, a_pool, planned, seen

LACK = Problem(Reason.PROVIDER_NOT_FOUND, "there is none", not_there_yet=True)
REFUSALS = {
    "not a tenant": Problem(Reason.NOT_A_TENANT, "no"),
    "endpoint": Problem(Reason.ENDPOINT_REFUSED, "no"),
    "foreign": Problem(Reason.SECRET_FOREIGN, "no"),
}


def test_a_grace_ends_and_what_was_ready_has_none() -> None:
    assert ends(NOW, NOW, was_ready=False) == NOW + GRACE
    assert ends(NOW, NOW + GRACE, was_ready=False) is None
    assert ends(NOW, NOW, was_ready=True) is None


def waiting(problem: Problem, age: timedelta, *, was_ready: bool = False) -> tuple[bool, timedelta | None]:
    """Whether a pool of that age stalls, and when it is looked at again."""
    o = seen(pool=a_pool(created_at=NOW - age), provider=None, provider_problem=problem)
    if was_ready:
        o = replace(o, ledger=o.ledger.model_copy(update={"satisfied_generation": 1}))
    decided = planned(o)
    stalls = any(each.stalls for each in decided.problems)
    return stalls, decided.wake_at - NOW if decided.wake_at is not None else None


def test_a_new_pool_waits_for_what_is_not_there_yet_and_is_woken_when_its_grace_is_over() -> None:
    assert waiting(LACK, timedelta(0)) == (False, GRACE)
    assert waiting(LACK, GRACE - timedelta(seconds=1)) == (False, timedelta(seconds=1))
    assert waiting(LACK, GRACE)[0]


def test_a_pool_that_was_ready_stalls_at_once() -> None:
    assert waiting(LACK, timedelta(0), was_ready=True)[0]


@pytest.mark.parametrize("refusal", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_told_at_once(refusal: Problem) -> None:
    assert waiting(refusal, timedelta(0))[0]
