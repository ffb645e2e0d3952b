"""A reported leak is told of until the key is proven dead, whatever keeps it alive."""

from dataclasses import replace
from typing import Any

import pytest

from keypool.core.brake import Grip
from keypool.core.conclude import conclude
from keypool.core.conditions import findings
from keypool.core.leaks import uncontained
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.plan import plan
from keypool.core.reasons import Condition, Reason, Trouble
from tests.unit.core.builders import DOWN, FOREIGN, HOUR, NOW, a_key, a_ledger, a_pool, a_spec, seen, written

ONE = a_spec(size=1)
LEAKED: dict[str, Any] = {"asked": "compromised", "reported_at": NOW - HOUR}


def leak(state: KeyState = KeyState.ACTIVE, *, key: Any = None, **facts: Any) -> Observation:
    """A pool of one whose key is reported leaked; nothing stands in the way."""
    facts.setdefault("pool", a_pool(spec=ONE))
    return seen(key or a_key(0, state, **LEAKED), **facts)


def trouble(reason: Reason, activity: str) -> Any:
    return {activity: Trouble(reason, "no answer", needs_person=False)}


TOO_LARGE = Problem(Reason.PROVIDER_NOT_READY, "64 MiB")
REVOKING, OWED = KeyState.REVOKING, KeyState.OWED
WAITS: dict[str, tuple[Observation, str]] = {
    "nothing stands in the way": (leak(), "CreatingKeys"),
    "suspended": (leak(pool=a_pool(spec=a_spec(size=1, suspend=True))), "CompromiseWaits"),
    "the Secret is foreign": (leak(secret_problem=FOREIGN), "SecretForeign"),
    "the Secret cannot be written": (leak(troubles=trouble(Reason.SECRET_UNUSABLE, "publish")), "SecretUnusable"),
    "the provider is down": (leak(provider_problem=DOWN), "ProviderNotReady"),
    "the brake holds": (leak(grip=Grip.ENGAGED), "MostKeysRejected"),
    "creating is refused": (leak(troubles=trouble(Reason.KEY_REFUSED, "create")), "KeyRefused"),
    "throttled": (leak(troubles=trouble(Reason.PROVIDER_THROTTLED, "create")), "ProviderThrottled"),
    "being revoked": (leak(REVOKING), "Revoking"),
    "revoked where the account cannot be listed": (leak(REVOKING, provider_problem=TOO_LARGE), "Revoking: it is being"),
    "revoking needs a listing that is too large": (
        leak(REVOKING, troubles=trouble(Reason.ANSWER_TOO_LARGE, "revoke:revoking-0"), provider_problem=TOO_LARGE),
        "AnswerTooLarge: no answer",
    ),
    "a successor needs an account that can be listed": (leak(provider_problem=TOO_LARGE), "ProviderNotReady: 64 MiB"),
    "lost where the account cannot be listed": (
        leak(KeyState.UNRESOLVED, provider_problem=TOO_LARGE),
        "It is not looked for while the account cannot be listed. ProviderNotReady: 64 MiB",
    ),
    "lost and the listing is too large": (
        leak(KeyState.UNRESOLVED, troubles=trouble(Reason.ANSWER_TOO_LARGE, "lookup")),
        "AnswerTooLarge: no answer",
    ),
    "revoking fails": (leak(REVOKING, troubles=trouble(Reason.PROVIDER_UNAVAILABLE, "revoke:revoking-0")), "Unavail"),
    "owed": (leak(OWED, troubles=trouble(Reason.REVOCATION_REFUSED, "revoke:owed-0")), "RevocationRefused"),
    "held": (leak(KeyState.HELD), "AnswerLost"),
    "made by people": (leak(key=a_key(0, OWED, **{**LEAKED, "why": "supplied by people"})), "ManualRevocation"),
    "restored": (leak(recovery=Problem(Reason.LEDGER_RESTORED, "it is looked into", stalls=False)), "LedgerRestored"),
}


@pytest.mark.parametrize("case", WAITS)
def test_a_leaked_key_that_lives_is_told_with_its_name_since_when_and_why(case: str) -> None:
    o, why = WAITS[case]
    found = {kind: (holds, reason, message) for kind, holds, reason, message in findings(o, (), NOW)}
    holds, reason, message = found[Condition.REVOKED]
    assert (holds, reason) == (False, Reason.LEAK_NOT_CONTAINED)
    assert o.ledger.keys[0].name in message
    assert "since 2026-11-24 08:00:00Z" in message
    assert why in message


def test_why_a_leak_is_not_contained_is_told_to_the_end_or_is_seen_to_be_cut() -> None:
    told, long = "word " * 50, "word " * 100
    for text, shown in ((told, told.strip()), (long, "word …")):
        problem = Problem(Reason.COMPROMISED_UNKNOWN, text)
        found = uncontained(seen(a_key(0), pool=a_pool(compromised="active-0")), (problem,))
        assert found is not None
        assert found.message.endswith(shown)


@pytest.mark.parametrize(
    "problem",
    [Problem(Reason.LEDGER_UNREADABLE, "damaged"), Problem(Reason.CLUSTER_CHANGED, "a clone"), FOREIGN],
    ids=lambda problem: problem.reason.value,
)
def test_a_report_that_is_not_even_read_is_told_with_the_reason(problem: Problem) -> None:
    found = uncontained(seen(a_key(0), pool=a_pool(compromised="active-0")), (problem,))
    assert found is not None
    assert f"{problem.reason.value}: {problem.message}" in found.message
    assert found.count == 1


def test_a_report_that_names_no_key_counts_until_it_is_corrected() -> None:
    ledger = a_ledger(a_key(0), handled_compromised="x", unmatched=("entry 1, 1 characters",))
    found = uncontained(seen(ledger=ledger, pool=a_pool(compromised="x")), ())
    assert found is not None
    assert found.why.reason is Reason.COMPROMISED_UNKNOWN
    assert uncontained(seen(ledger=ledger, pool=a_pool()), ()) is None


def test_nothing_is_told_without_a_report_and_once_all_reported_keys_are_gone() -> None:
    assert uncontained(seen(a_key(0)), ()) is None
    done = a_ledger(a_key(0), handled_compromised="old-0")
    assert uncontained(seen(ledger=done, pool=a_pool(compromised="old-0")), ()) is None


def test_a_report_counts_as_handled_only_when_the_key_is_dead() -> None:
    ledger = a_ledger(a_key(0), a_key(0, KeyState.REVOKING, **LEAKED), handled_compromised="revoking-0")
    o = seen(ledger=ledger, pool=a_pool(compromised="revoking-0", spec=ONE))
    assert conclude(o, (), (), NOW).handled is None
    after = replace(o, ledger=a_ledger(a_key(0), handled_compromised="revoking-0"))
    handled = conclude(after, (), (), NOW).handled
    assert handled is not None
    assert handled.compromised == "revoking-0"


def test_a_value_that_stands_in_the_annotation_is_said_to_stand_there_and_not_repeated() -> None:
    key = a_key(0, KeyState.REVOKING, **LEAKED)
    value = key.value.get_secret_value()
    found = uncontained(seen(key, pool=a_pool(compromised=f"Bearer {value}")), ())
    assert found is not None
    assert "The annotation holds its value" in found.message
    assert value not in found.message


def test_status_shows_the_primary_that_the_secret_in_the_cluster_holds() -> None:
    old, new = a_key(0, KeyState.DRAINING, unpublished_at=None, **LEAKED), a_key(0, published_at=None)
    held = written(a_ledger(a_key(0, name=old.name)), ONE)
    blocked = {"troubles": trouble(Reason.SECRET_UNUSABLE, "publish"), "wait_until": {"publish": NOW + HOUR}}
    o = seen(ledger=a_ledger(old, new), pool=a_pool(spec=ONE), secrets=held, **blocked)
    status = conclude(o, (), (), NOW)
    assert status.primary_fingerprint == old.print
    assert [key.name for key in status.keys if key.primary] == [old.name]
    assert status.keys_summary == "0/1"
    found = {condition.type: condition for condition in status.conditions}
    assert "still in the Secret" in found["Revoked"].message
    assert found["Published"].status == "False"
    assert found["Reconciling"].reason == "SecretUnusable"
    assert found["Ready"].message.endswith("LeakNotContained: see Revoked")
    gone = conclude(replace(o, secrets={}), (), (), NOW)
    assert gone.primary_fingerprint is None
    assert {condition.type: condition.status for condition in gone.conditions}["Ready"] == "False"


STOPPED: dict[str, tuple[Observation, Reason]] = {
    "new keys are rejected": (
        seen(ledger=a_ledger(a_key(0, **LEAKED), rejected_in_a_row=3), pool=a_pool(spec=ONE)),
        Reason.NEW_KEYS_REJECTED,
    ),
    "answers were lost": (
        seen(
            a_key(0, **LEAKED),
            a_key(0, KeyState.HELD, name="one"),
            a_key(0, KeyState.HELD, name="two"),
            pool=a_pool(spec=ONE),
        ),
        Reason.ANSWER_LOST,
    ),
    "answers were lost, of keys that would live longer": (
        seen(
            a_key(0, **LEAKED),
            a_key(0, KeyState.HELD, name="one", expires_at=a_key(0).expires_at + HOUR),
            a_key(0, KeyState.HELD, name="two", expires_at=a_key(0).expires_at + HOUR),
            pool=a_pool(spec=ONE),
        ),
        Reason.ANSWER_LOST,
    ),
}


@pytest.mark.parametrize("case", STOPPED)
def test_a_leaked_key_whose_slot_makes_no_more_keys_is_told_with_what_stops_it(case: str) -> None:
    o, reason = STOPPED[case]
    found = uncontained(o, plan(o, NOW).problems)
    assert found is not None
    assert found.why.reason is reason
    assert found.why.message
