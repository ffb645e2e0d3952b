"""Whose a Secret is, and who gets a name that two pools want."""

from typing import Any

import pytest

from keypool.core.ledger import Adopted
from keypool.core.ownership import Claimant, adoptions, contest, problem_of
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


@pytest.mark.parametrize("spoilt", [{"immutable": True}, {"type": "kubernetes.io/tls"}], ids=["immutable", "type"])
def test_nobody_is_told_to_delete_a_secret_that_holds_other_peoples_entries(spoilt: Any) -> None:
    own, taken_over = (problem_of(a_view(WEB, **facts), "pool-1", True, LEDGER) for facts in (spoilt, THEIRS | spoilt))
    assert own is not None
    assert taken_over is not None
    assert "delete it to have it written anew" in own.message
    assert "do not delete it" in taken_over.message


def test_our_own_secret_may_be_written() -> None:
    assert problem_of(a_view(WEB), "pool-1", False, LEDGER) is None


def test_taking_the_owner_reference_off_a_published_secret_makes_nobody_else_its_owner() -> None:
    assert problem_of(a_view(WEB, owner_uid=None), "pool-1", False, LEDGER) is None
    assert not WEB.equals(a_view(WEB, owner_uid=None))


def test_our_label_alone_proves_nothing_before_the_first_publication() -> None:
    problem = problem_of(a_view(WEB, owner_uid=None), "pool-1", False, FRESH)
    assert problem is not None
    assert problem.reason.value == "SecretForeign"


THEIRS: dict[str, Any] = {"owner_uid": None, "labels": {}, "annotations": {"keypool.dev/allow": "pool/web"}}
NOT_ADOPTED: dict[str, tuple[dict[str, Any], str]] = {
    "says nothing": ({"annotations": {}}, "ConsentMissing"),
    "names another pool": ({"annotations": {"keypool.dev/allow": "pool/other"}}, "ConsentMissing"),
    "is a credential": (
        {"annotations": {"keypool.dev/allow": "provider/web@https://api.example.com"}},
        "ConsentMissing",
    ),
    "has another controller": ({"controlled_by_other": True}, "SecretForeign"),
    "is another pool's": ({"owner_uid": "pool-2"}, "SecretForeign"),
    "is one that another pool took over": ({"labels": {"keypool.dev/pool-uid": "pool-2"}}, "ConsentMissing"),
    "is a ledger": ({"labels": {"keypool.dev/ledger": "true"}}, "ConsentMissing"),
    "is managed by external-secrets": ({"labels": {"reconcile.external-secrets.io/managed": "true"}}, "SecretForeign"),
    "is tracked by Argo CD": (
        {"annotations": {"argocd.argoproj.io/tracking-id": "x", "keypool.dev/allow": "pool/web"}},
        "SecretForeign",
    ),
    "is of another type": ({"type": "kubernetes.io/tls"}, "SecretUnusable"),
}


def test_adoption_takes_what_says_itself_that_this_pool_may() -> None:
    assert problem_of(a_view(WEB, **THEIRS), "pool-1", True, LEDGER) is None
    assert problem_of(a_view(WEB, **THEIRS), "pool-1", False, LEDGER) is not None


@pytest.mark.parametrize(("facts", "reason"), NOT_ADOPTED.values(), ids=NOT_ADOPTED.keys())
def test_a_secret_is_not_taken_over_when_it(facts: dict[str, Any], reason: str) -> None:
    problem = problem_of(a_view(WEB, **{**THEIRS, **facts}), "pool-1", True, LEDGER)
    assert problem is not None
    assert problem.reason.value == reason


def test_a_secret_that_was_taken_over_is_written_only_while_it_says_that_it_may_be() -> None:
    ledger = LEDGER.model_copy(update={"adopted": (Adopted(secret="web", uid="uid-web"),)})
    assert problem_of(a_view(WEB, **THEIRS), "pool-1", True, ledger) is None
    withdrawn = problem_of(a_view(WEB, **{**THEIRS, "annotations": {}}), "pool-1", True, ledger)
    assert withdrawn is not None
    assert withdrawn.reason.value == "ConsentMissing"


def test_of_a_secret_that_was_taken_over_only_our_entries_count() -> None:
    ledger = LEDGER.model_copy(update={"adopted": (Adopted(secret="web", uid="uid-web", entries=("old",)),)})
    web = project(ledger, a_spec())[0]
    assert web.entries == ("old", "apiKey", "baseURL")
    others = a_view(web, owner_uid=None, digests={**a_view(web).digests, "precious": "x"})
    assert web.equals(others)
    assert not web.equals(a_view(web)), "it has no owner reference"
    left = a_view(web, owner_uid=None, digests={**a_view(web).digests, "old": "x"})
    assert not web.holds(left), "what we wrote and do not want any more goes"


def test_the_ledger_names_what_is_taken_over_before_it_is_written_and_forgets_what_was_made_anew() -> None:
    theirs = a_view(WEB, **THEIRS)
    (found,) = adoptions(LEDGER, {}, {"web": theirs}, (WEB,))
    assert (found.secret, found.uid, found.entries) == ("web", "uid-web", ("apiKey", "baseURL"))
    known = LEDGER.model_copy(update={"adopted": (found,)})
    assert adoptions(known, {"web": theirs}, {}, (WEB,)) == (found,)
    assert adoptions(known, {"web": a_view(WEB)}, {}, (WEB,)) == ()
    assert adoptions(known, {}, {}, (WEB,)) == ()


def test_a_lost_ledger_learns_from_the_secrets_marks_what_of_it_is_ours() -> None:
    marks = {"keypool.dev/adopted": "apiKey,old", "keypool.dev/allow": "pool/web"}
    (found,) = adoptions(LEDGER, {"web": a_view(WEB, owner_uid=None, annotations=marks)}, {}, (WEB,))
    assert found.entries == ("apiKey", "old", "baseURL")


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
