"""One table decides what conditions say: each situation has an example, and no example says what was not seen."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keypool.core.brake import Grip
from keypool.core.conditions import findings
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation, Problem
from keypool.core.projection import project
from keypool.core.provider_situations import PROVIDER_SITUATIONS, ProviderSight, Standing, findings_of_provider
from keypool.core.reasons import Condition, Reason, Trouble
from keypool.core.rotation import Why
from keypool.core.rules.publication import is_current
from keypool.core.situation import holding
from keypool.core.situations import SITUATIONS
from keypool_lab.examples import EXAMPLES, OF_PROVIDERS
from tests.unit.core.builders import (
    HOUR,
    MINUTE,
    NOW,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    accepted,
    rejected,
    seen,
    written,
)
from tests.unit.core.people import held, looked, made, printed

ALWAYS = {Condition.READY, Condition.PUBLISHED, Condition.HEALTHY, Condition.REVOKED}
TABLES: Any = [(SITUATIONS, EXAMPLES), (PROVIDER_SITUATIONS, OF_PROVIDERS)]


@pytest.mark.parametrize(("table", "examples"), TABLES, ids=["pools", "providers"])
def test_each_situation_stands_in_the_table_once_and_has_an_example(table: Any, examples: Any) -> None:
    names = [situation.name for situation in table]
    assert len(names) == len({*names})
    assert set(names) == set(examples)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_a_pool_is_one_of_its_situation(name: str) -> None:
    assert name in holding(SITUATIONS, EXAMPLES[name]())


@pytest.mark.parametrize("name", OF_PROVIDERS)
def test_an_example_of_a_provider_is_one_of_its_situation(name: str) -> None:
    assert name in holding(PROVIDER_SITUATIONS, OF_PROVIDERS[name])


@pytest.mark.parametrize("situation", [*SITUATIONS, *PROVIDER_SITUATIONS], ids=lambda each: each.name)
def test_who_speaks_of_reconciling_speaks_of_stalled_so_that_they_never_are_both_there(situation: Any) -> None:
    assert (Condition.RECONCILING in situation.says) == (Condition.STALLED in situation.says)


# -- whatever is observed

STATES = (KeyState.CREATED, KeyState.ACTIVE, KeyState.DRAINING, KeyState.WITHDRAWN, KeyState.REVOKING, KeyState.HELD)
KEYS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(STATES)), max_size=4, unique=True)
PROBLEMS = st.sampled_from(
    [None, *(Problem(reason, "why", stalls=each) for reason in Reason for each in (True, False))]
)
TROUBLES = st.dictionaries(
    st.sampled_from(["create", "publish", "cluster", "probe:active-0", "revoke:revoking-0"]),
    st.builds(Trouble, st.sampled_from(Reason), st.just("why"), st.booleans()),
    max_size=2,
)
CHECKS = st.dictionaries(
    st.sampled_from([f"{state.value}-{slot}" for state in STATES for slot in range(3)]),
    st.one_of(
        st.builds(Checked, st.just(NOW), st.just(True)),
        st.builds(Checked, st.just(NOW), st.just(False), st.integers(1, 4)),
    ),
    max_size=4,
)


@st.composite
def observations(draw: Any) -> Observation:
    """Any mixture of what a pass can see, possible or not; the Secrets are what another ledger says, at times."""
    keys = [a_key(slot, state) for slot, state in draw(KEYS)]
    spec = draw(st.sampled_from([None, a_spec(size=1), a_spec(size=3), a_spec(size=1, suspend=True)]))
    gone = draw(st.sampled_from([None, None, NOW]))
    pool = a_pool(spec=spec, generation=draw(st.integers(1, 2)), deleted_at=gone)
    ledger = a_ledger(*keys, satisfied_generation=draw(st.sampled_from([None, 1])))
    other = draw(st.sampled_from([ledger, a_ledger(), a_ledger(a_key(0)), a_ledger(a_key(1, KeyState.WITHDRAWN))]))
    return seen(
        ledger=ledger,
        pool=pool,
        secrets=written(other, spec) if spec is not None else {},
        grip=draw(st.sampled_from(Grip)),
        checks=draw(CHECKS),
        troubles=draw(TROUBLES),
        recovery=draw(PROBLEMS),
        provider_problem=draw(PROBLEMS),
        contested=draw(PROBLEMS),
        refused=draw(PROBLEMS),
        clocks_agree=draw(st.booleans()),
    )


@settings(max_examples=300, deadline=None)
@given(observations(), st.lists(PROBLEMS.filter(bool), max_size=2))
def test_whatever_is_observed_each_condition_is_said_once_and_only_what_was_seen(o: Observation, told: Any) -> None:
    found = findings(o, told, NOW)
    kinds = [kind for kind, *_ in found]
    assert len(kinds) == len({*kinds})
    first = o.known_pool.spec is not None and o.known_pool.spec.suspend and o.ledger.satisfied_generation is None
    assert {*kinds} >= (ALWAYS - {Condition.READY} if first else ALWAYS)
    assert not {Condition.RECONCILING, Condition.STALLED} <= {*kinds}
    status = {kind: holds for kind, holds, _, _ in found}
    busy = Condition.RECONCILING in status or Condition.STALLED in status
    suspended = o.known_pool.spec is not None and o.known_pool.spec.suspend
    assert status.get(Condition.READY) or busy or suspended, (
        "a pool that is not Ready says why nothing is done, or what is"
    )
    assert status[Condition.PUBLISHED] is not False or busy, "a pool that is not published is Reconciling or Stalled"
    assert status.get(Condition.READY) is not True or _holds_an_accepted_key(o)
    assert status[Condition.PUBLISHED] is not True or all(is_current(o, each) for each in project(o.ledger, o.spec))


def _holds_an_accepted_key(o: Observation) -> bool:
    """Whether the Secret in the cluster holds a key that the provider accepted when it last gave a verdict."""
    there = set(o.secrets["web"].digests.values())
    keys = [key for key in o.ledger.keys if key.value is not None and key.name not in rejected_names(o)]
    return any(hashlib.sha256(key.value.get_secret_value().encode()).hexdigest() in there for key in keys if key.value)


def rejected_names(o: Observation) -> set[str]:
    return {name for name, check in o.checks.items() if not check.accepted}


@given(PROBLEMS, PROBLEMS, PROBLEMS, st.sampled_from(Grip))
def test_a_provider_says_each_condition_once_and_is_ready_only_without_a_problem(
    problem: Any, pending: Any, schedule: Any, grip: Grip
) -> None:
    found = findings_of_provider(ProviderSight(Standing(problem, pending), grip, schedule))
    status = {kind: holds for kind, holds, _, _ in found}
    assert len(found) == len(status)
    assert not {Condition.RECONCILING, Condition.STALLED} <= set(status)
    assert status[Condition.READY] is not True or (problem is None and grip is not Grip.ENGAGED)


# -- untrue before


def told(o: Observation, *problems: Problem) -> dict[str, tuple[bool | None, Reason]]:
    return {kind.value: (holds, reason) for kind, holds, reason, _ in findings(o, problems, NOW)}


SPEC = a_spec(size=1)
ONE = a_pool(spec=SPEC)


def test_a_pool_whose_secret_is_gone_is_neither_ready_nor_published_and_is_reconciling() -> None:
    found = told(seen(a_key(0), pool=ONE, secrets={}))
    assert found["Ready"] == found["Published"] == (False, Reason.SECRETS_DIFFER)
    assert found["Reconciling"] == (True, Reason.SECRETS_DIFFER)


def test_a_pool_whose_secret_holds_another_value_is_neither_ready_nor_published() -> None:
    other = written(a_ledger(a_key(0, name="other")), SPEC)
    found = told(seen(a_key(0), pool=ONE, secrets=other))
    assert found["Ready"][0] is found["Published"][0] is False


def test_a_secret_that_was_found_as_it_must_be_is_published_whatever_failed_before() -> None:
    stale = {"publish": Trouble(Reason.CLUSTER_UNAVAILABLE, "refused", needs_person=False)}
    assert told(seen(a_key(0), pool=ONE, troubles=stale))["Published"] == (True, Reason.SECRETS_CURRENT)


def test_whether_a_pool_is_ready_is_unknown_while_its_only_key_was_rejected_and_is_asked_about_again() -> None:
    o = seen(a_key(0), pool=ONE, checks=rejected("active-0", times=1))
    assert told(o)["Ready"] == (None, Reason.KEY_REJECTED)
    assert told(replace(o, checks=rejected("active-0", times=3)))["Ready"] == (False, Reason.NO_LIVE_KEY)


@pytest.mark.parametrize("reason", [Reason.LEDGER_UNREADABLE, Reason.CLUSTER_CHANGED, Reason.LEDGERS_MISSING])
def test_without_a_ledger_nothing_is_said_to_be_revoked_or_to_be_missing(reason: Reason) -> None:
    secrets = written(a_ledger(a_key(0)), SPEC)
    found = told(seen(pool=ONE, secrets=secrets), Problem(reason, "why"))
    assert {found[kind.value] for kind in ALWAYS} == {(None, reason)}
    assert found["Stalled"] == (True, reason)


def test_a_pool_without_a_live_key_is_reconciling_until_there_is_one() -> None:
    found = told(seen(ledger=a_ledger(a_key(0, KeyState.WITHDRAWN), satisfied_generation=1), pool=ONE))
    assert found["Ready"] == (False, Reason.NO_LIVE_KEY)
    assert found["Reconciling"][0]


def test_an_expired_key_in_the_secret_does_not_make_a_pool_ready() -> None:
    assert told(seen(a_key(0, expires_at=NOW - HOUR), pool=ONE))["Ready"] == (False, Reason.NO_LIVE_KEY)


# -- no verdict


def without_verdict(attempts: int = 0, **facts: Any) -> Observation:
    """A pool of one key, about which so many probes in a row brought no verdict."""
    trouble = Trouble(Reason.PROVIDER_THROTTLED, "429", needs_person=False, attempts=attempts)
    return seen(a_key(0), pool=ONE, troubles={"probe:active-0": trouble} if attempts else {}, **facts)


def healthy(o: Observation, now: Any = NOW) -> tuple[bool | None, str]:
    return next((holds, message) for kind, holds, _, message in findings(o, (), now) if kind is Condition.HEALTHY)


def test_one_probe_without_a_verdict_says_nothing_and_three_say_since_when() -> None:
    checks = accepted("active-0", at=NOW - MINUTE)
    assert healthy(without_verdict(1, checks=checks))[0] is True
    assert healthy(without_verdict(3, checks=checks)) == (
        None,
        "no verdict since 2026-11-24 08:59:00Z on the key of slot 0; it was accepted then",
    )


def test_what_is_said_of_missing_verdicts_stands_still_however_many_there_are() -> None:
    checks = accepted("active-0", at=NOW - MINUTE)
    texts = {healthy(without_verdict(count, checks=checks), NOW + count * MINUTE) for count in range(3, 30)}
    assert len(texts) == 1


def test_a_key_that_nobody_asked_about_since_the_start_is_told_once_that_is_long_ago() -> None:
    o = without_verdict(started_at=NOW)
    assert healthy(o, NOW + 15 * MINUTE)[0] is True
    assert healthy(o, NOW + 17 * MINUTE) == (
        None,
        "not asked since the restart at 2026-11-24 09:00:00Z about the key of slot 0",
    )
    assert healthy(without_verdict(3, started_at=NOW))[1].startswith("no verdict since the restart at 2026-11-24 09:00")


def test_of_several_keys_the_one_that_waits_longest_is_told() -> None:
    checks = {**accepted("active-0", at=NOW - MINUTE), **accepted("active-1", at=NOW - HOUR)}
    assert "08:00:00Z on the key of slot 1" in healthy(seen(a_key(0), a_key(1), checks=checks))[1]


def test_a_rejected_key_is_told_before_one_without_a_verdict() -> None:
    assert healthy(without_verdict(3, checks=rejected("active-0", times=1)))[0] is False


def test_values_that_people_withdrew_and_that_stay_published_are_named_with_what_was_said_of_them() -> None:
    keys = (made("a", slot=0), made("b", slot=1, asked=Why.COMPROMISED.value))
    found = healthy(looked(*keys, supply=held("b"), size=2))
    assert found[0] is False
    assert f"{printed('a')} (removed), {printed('b')} (compromised)" in found[1]
