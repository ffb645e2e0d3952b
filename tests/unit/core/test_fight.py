"""Somebody else writes the published Secret again and again: pauses grow, people are told, and no leak waits."""

from datetime import timedelta
from typing import Any

from keypool.core.actions import PublishSecrets
from keypool.core.conditions import findings
from keypool.core.observation import Observation
from keypool.core.reasons import Condition, Reason
from keypool.core.rotation import Why
from keypool.core.rules import publication
from keypool.reconcile.memory import AT_ONCE, CALM, LONGEST_REPAIR, Memory
from tests.unit.core.builders import NOW, SECOND, a_key, a_ledger, a_pool, a_spec, decide, only, planned, seen, written

SPEC = a_spec(size=1)
POOL = a_pool(spec=SPEC)
THEIRS = written(a_ledger(a_key(0, name="other")), SPEC)


def fought(times: int) -> Memory:
    """After so many repairs, one a second."""
    memory = Memory()
    for count in range(times):
        memory.repaired("Secret web is changed by argocd", NOW - (times - 1 - count) * SECOND, 0.5)
    return memory


def changed(memory: Memory, *keys: Any) -> Observation:
    """The Secret was changed again."""
    ledger = a_ledger(*(keys or (a_key(0),)), satisfied_generation=1)
    troubles: Any = {"troubles": dict(memory.troubles), "wait_until": dict(memory.wait_until)}
    return seen(ledger=ledger, pool=POOL, secrets=THEIRS, **troubles)


def said(o: Observation) -> dict[Condition, tuple[Any, ...]]:
    return {kind: (holds, reason, message) for kind, holds, reason, message in findings(o, (), NOW)}


def test_a_few_changes_are_repaired_at_once() -> None:
    assert only(PublishSecrets, planned(changed(fought(AT_ONCE))).actions)


def test_more_are_repaired_after_growing_pauses_of_up_to_a_minute() -> None:
    pauses = [fought(times).wait_until["repair"] - NOW for times in range(AT_ONCE + 1, AT_ONCE + 12)]
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(seconds=1)
    assert pauses[-1] == LONGEST_REPAIR
    decided = planned(changed(fought(AT_ONCE + 3)))
    assert not only(PublishSecrets, decided.actions)
    assert decided.wake_at == NOW + timedelta(seconds=4)


def test_meanwhile_the_pool_is_not_published_and_says_who_changes_it_also_when_it_is_right_for_a_moment() -> None:
    memory = fought(AT_ONCE + 1)
    right = seen(a_key(0), pool=POOL, troubles=dict(memory.troubles), wait_until=dict(memory.wait_until))
    for o in (changed(memory), right):
        told = said(o)
        assert told[Condition.PUBLISHED] == (False, Reason.SECRET_FOUGHT, "Secret web is changed by argocd")
        assert told[Condition.RECONCILING][0]


def test_that_a_fight_begins_is_said_once() -> None:
    memory = Memory()
    assert [memory.repaired("x", NOW, 0.5) for _ in range(8)].count(True) == 1


def test_a_fight_is_forgotten_after_calm_and_not_before() -> None:
    memory = fought(AT_ONCE + 2)
    end = memory.wait_until["repair"] + CALM
    memory.calm_down(end - SECOND)
    assert memory.troubles
    memory.calm_down(end)
    assert (memory.repairs, memory.troubles, memory.wait_until) == (0, {}, {})


def test_a_secret_that_is_right_is_looked_at_when_calm_is_over() -> None:
    memory = fought(AT_ONCE + 1)
    o = seen(a_key(0), pool=POOL, troubles=dict(memory.troubles), wait_until=dict(memory.wait_until))
    assert decide(publication.secrets_follow_the_ledger, o).wake_at == memory.wait_until["peace"]


def test_what_a_fight_left_in_the_secret_is_not_recorded_as_published() -> None:
    o = changed(fought(AT_ONCE + 2), a_key(0, published_at=None))
    assert decide(publication.publication_is_recorded, o).ledger is None


def test_new_keys_are_written_at_once_however_long_the_fight_lasts() -> None:
    memory = fought(AT_ONCE + 9)
    o = changed(memory, a_key(0, published_at=None))
    assert only(PublishSecrets, planned(o).actions)


def test_a_reported_leak_does_not_wait_for_a_fight() -> None:
    leaked = a_key(0, name="leaked", asked=Why.COMPROMISED.value)
    assert only(PublishSecrets, planned(changed(fought(AT_ONCE + 9), leaked)).actions)
