"""Whose a Secret is, and who gets a name that two pools want."""

from typing import Any

import pytest

from keypool.core.ownership import Claimant, contest, problem_of
from keypool.core.projection import project
from tests.unit.core.builders import HOUR, NOW, a_key, a_ledger, a_spec, a_view

LEDGER = a_ledger(a_key(0))
FRESH = a_ledger(publication=0)
WEB = project(LEDGER, a_spec())[0]
NEWER = project(LEDGER.model_copy(update={"publication": 8}), a_spec())[0]
REFUSED = {
    "somebody's": ({"owner_uid": None, "labels": {}}, "SecretForeign"),
    "another pool's": ({"owner_uid": "pool-2"}, "SecretForeign"),
    "another controller's": ({"owner_uid": None, "controlled_by_other": True}, "SecretForeign"),
    "immutable": ({"immutable": True}, "SecretUnusable"),
    "of another type": ({"type": "kubernetes.io/tls"}, "SecretUnusable"),
    "on its way out": ({"deleting": True}, "SecretUnusable"),
    "from a newer ledger": ({"annotations": NEWER.annotations}, "SecretNewer"),
}


@pytest.mark.parametrize(("facts", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_a_secret_is_not_written_when_it_is(facts: Any, reason: Any) -> None:
    problem = problem_of(a_view(WEB, **facts), "pool-1", False, LEDGER)
    assert problem is not None
    assert problem.reason.value == reason


def test_our_own_secret_may_be_written() -> None:
    assert problem_of(a_view(WEB), "pool-1", False, LEDGER) is None


def test_taking_the_owner_reference_off_a_published_secret_makes_nobody_else_its_owner() -> None:
    assert problem_of(a_view(WEB, owner_uid=None), "pool-1", False, LEDGER) is None
    assert not WEB.equals(a_view(WEB, owner_uid=None))


def test_our_label_alone_proves_nothing_before_the_first_publication() -> None:
    problem = problem_of(a_view(WEB, owner_uid=None), "pool-1", False, FRESH)
    assert problem is not None
    assert problem.reason.value == "SecretForeign"


def test_adoption_takes_what_nobody_controls_and_nothing_else() -> None:
    free = a_view(WEB, owner_uid=None, labels={})
    taken = a_view(WEB, owner_uid=None, labels={}, controlled_by_other=True)
    assert problem_of(free, "pool-1", True, LEDGER) is None
    assert problem_of(taken, "pool-1", True, LEDGER) is not None
    assert problem_of(a_view(WEB, owner_uid="pool-2"), "pool-1", True, LEDGER) is not None


def test_a_revision_that_nothing_proves_keeps_nobody_from_writing() -> None:
    forged = {**WEB.annotations, "keypool.dev/ledger-revision": str(10**15 - 1)}
    assert problem_of(a_view(WEB, annotations=forged), "pool-1", False, LEDGER) is None
    assert not WEB.equals(a_view(WEB, annotations=forged)), "it is written back"


OLD, YOUNG = Claimant("u2", "old", NOW - HOUR), Claimant("u1", "young", NOW)


def test_a_name_goes_to_the_owner_of_the_secret() -> None:
    assert contest(YOUNG, [OLD], "web", "u1") is None
    problem = contest(OLD, [YOUNG], "web", "u1")
    assert problem is not None
    assert problem.reason.value == "SecretContested"


def test_a_name_that_nobody_owns_goes_to_the_older_pool() -> None:
    assert contest(OLD, [YOUNG], "web", None) is None
    problem = contest(YOUNG, [OLD], "web", None)
    assert problem is not None
    assert "pool old" in problem.message


def test_of_pools_of_the_same_age_one_alone_wins() -> None:
    twins = [Claimant(uid, uid, NOW) for uid in ("a", "b", "c")]
    assert [contest(me, twins, "web", None) is None for me in twins] == [True, False, False]


def test_an_owner_that_is_no_rival_decides_nothing() -> None:
    assert contest(OLD, [YOUNG], "web", "somebody") is None
