"""When a refused call is said of the credential, and when of the pool that asked."""

from keypool.core.grievances import Grievances


def test_one_refusal_says_nothing_yet() -> None:
    known = Grievances()
    assert known.refused("create", "one", "team", "403")
    assert known.judgement(shared=False) is None


def test_two_refusals_in_a_row_are_the_credentials() -> None:
    known = Grievances()
    assert [known.refused("create", "one", "team", said) for said in ("first", "second", "third")] == [
        True,
        True,
        False,
    ]
    assert known.judgement(shared=False) == "third"


def test_a_call_that_works_ends_it_and_other_calls_do_not() -> None:
    known = Grievances()
    for _ in range(2):
        known.refused("create", "one", "team", "403")
    assert not known.worked("revoke", "one")
    assert known.judgement(shared=False) == "403"
    assert known.worked("create", "one")
    assert known.judgement(shared=False) is None


def test_what_works_for_another_pool_is_refused_to_this_one_alone() -> None:
    known = Grievances()
    for _ in range(2):
        known.refused("create", "bad", "team", "403")
    assert known.worked("create", "good")
    assert not any(known.refused("create", "bad", "team", "403") for _ in range(5))
    assert known.judgement(shared=False) is None
    known.worked("create", "bad")
    assert known.refused("create", "bad", "team", "403")


def test_what_one_tenant_is_refused_is_not_said_of_all() -> None:
    known = Grievances()
    for _ in range(5):
        known.refused("create", "one", "team-a", "403")
    assert known.judgement(shared=True) is None
    known.refused("create", "two", "team-b", "403")
    assert known.judgement(shared=True) == "403"
