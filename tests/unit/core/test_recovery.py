"""A ledger is made whole without adopting what is not ours, revoking anything or losing a record."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from keypool.core import asked
from keypool.core.actions import UpdateKey
from keypool.core.lifecycle import KeyState
from keypool.core.recovery import Evidences, Published, is_name_of, published_in, recovered
from keypool.core.rules.limits import limits_follow_the_spec
from keypool.core.rules.requests import owed_keys_are_abandoned
from keypool.reconcile.census import too_many
from tests.unit.core.builders import DAY, NAMING, NOW, PROVIDER, a_key, a_ledger, a_pool, a_spec, decide, seen, states
from tests.unit.core.test_model import bounded


@dataclass(frozen=True)
class Row:
    """A key in a listing."""

    handle: str
    fingerprint: str | None
    name: str | None = None
    expires_at: datetime | None = None


def value(number: int) -> SecretStr:
    return SecretStr(f"sk-a-plausible-value-{number}")


def published(number: int, **facts: Any) -> Published:
    return Published(value(number), **facts)


def row(number: int, **facts: Any) -> Row:
    return Row(f"h{number}", published(number).print, **facts)


LIMITED = a_pool(spec=a_spec(size=1, key={"rateLimit": {"requestsPerMinute": 60}}))
NUMBERS = st.integers(0, 5)
LEDGER_STATES = st.sampled_from([s for s in KeyState if s is not KeyState.INTENDED])


@bounded(150)
@given(
    kept=st.dictionaries(NUMBERS, LEDGER_STATES, max_size=4),
    shown=st.lists(st.tuples(NUMBERS, st.one_of(st.none(), st.integers(0, 2))), max_size=4, unique_by=lambda x: x[0]),
    listed=st.sets(NUMBERS),
    good=st.sets(NUMBERS),
    foreign=st.sets(NUMBERS),
)
def test_whatever_is_found_only_paired_keys_are_adopted_and_nothing_is_revoked_or_lost(
    kept: Any, shown: Any, listed: Any, good: Any, foreign: Any
) -> None:
    valueless = (KeyState.UNRESOLVED, KeyState.HELD)
    keys = [
        a_key(n % 3, state, name=f"k{n}", **({} if state in valueless else {"value": value(n), "handle": f"h{n}"}))
        for n, state in kept.items()
    ]
    before = a_ledger(*keys)
    entries = tuple(published(n, slot=slot, primary=at == 0) for at, (n, slot) in enumerate(shown))
    verdicts = {published(n).print: n in good for n in range(6)}
    found = Evidences(entries, tuple(row(n) for n in listed), verdicts, {f"h{n}" for n in foreign}, newest=40)
    result = recovered(seen(ledger=before, pool=a_pool()), found, NOW)
    after = {key.name: key for key in result.ledger.keys}
    assert len(after) == len(result.ledger.keys)
    assert {key.name for key in keys} <= after.keys(), "no record is lost"
    for key in keys:
        moved = after[key.name].state is not key.state
        allowed = (KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING)
        assert not moved or after[key.name].state in allowed, "nothing is revoked"
    adopted = [key for name, key in after.items() if ledger_lacks(before, name)]
    assert {key.handle for key in adopted} <= {f"h{n}" for n in listed - foreign}, "only what the listing pairs"
    assert {key.print for key in adopted} <= {entry.print for entry in entries}
    assert not {key.print for key in adopted} & set(result.orphans)
    assert result.ledger.revision == 40
    assert result.ledger.publication == 41
    in_use = {key.print for key in result.ledger.inside(KeyState.ACTIVE)}
    assert not in_use & {print_ for print_, accepted in verdicts.items() if not accepted}, "nothing dead is published"


def ledger_lacks(ledger: Any, name: str) -> bool:
    return ledger.key(name) is None


@pytest.mark.row("NONE", "ADOPTED")
def test_a_key_that_the_listing_pairs_is_adopted_with_the_listings_handle_and_expiry() -> None:
    name = "kp.shop.web.inst.0123456789"
    entry = published(1, slot=1, name=name, primary=True)
    found = Evidences((entry,), (row(1, expires_at=NOW + DAY),), {entry.print: True})
    (key,) = recovered(seen(ledger=a_ledger(revision=0)), found, NOW).ledger.keys
    assert (key.name, key.slot, key.handle, key.expires_at) == (name, 1, "h1", NOW + DAY)
    assert key.state is KeyState.ACTIVE


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(KeyState.INTENDED, marks=pytest.mark.row("INTENDED", "ADOPTED")),
        pytest.param(KeyState.UNRESOLVED, marks=pytest.mark.row("UNRESOLVED", "ADOPTED")),
        pytest.param(KeyState.HELD, marks=pytest.mark.row("HELD", "ADOPTED")),
    ],
)
def test_an_intent_that_became_the_published_key_is_that_key(state: KeyState) -> None:
    name = "kp.shop.web.inst.0123456789"
    entry = published(1)
    found = Evidences((entry,), (row(1, name=name),), {entry.print: True})
    intent = a_key(0, state, name=name, requests_per_minute=7)
    ledger = recovered(seen(ledger=a_ledger(intent), pool=LIMITED), found, NOW).ledger
    assert states(ledger) == {name: "active"}
    assert ledger.keys[0].limits == intent.limits, "it was made with those of its intent, whatever the spec says now"


def test_the_limits_of_a_key_that_no_record_tells_of_are_set_anew_where_that_can_be() -> None:
    able = replace(PROVIDER, capabilities=replace(NAMING, changes_limits=True, sets_rate_limit=True))
    entry = published(1)
    found = Evidences((entry,), (row(1),), {entry.print: True})
    o = seen(ledger=a_ledger(revision=0), pool=LIMITED, provider=able)
    (key,) = recovered(o, found, NOW).ledger.keys
    decision = decide(limits_follow_the_spec, seen(key, pool=LIMITED, provider=able))
    assert decision.actions == (UpdateKey(key.name),)


def test_a_listed_name_that_this_pool_never_gives_is_not_ours() -> None:
    entry = published(1)
    result = recovered(
        seen(ledger=a_ledger()), Evidences((entry,), (row(1, name="by-hand"),), {entry.print: True}), NOW
    )
    assert result.ledger.keys == ()
    assert result.orphans == (entry.print,)


def test_requests_that_stand_on_the_pool_are_not_carried_out_again_but_for_a_leak_that_is_still_there() -> None:
    entry = published(1)
    found = Evidences((entry,), (row(1),), {entry.print: True})
    old = recovered(seen(ledger=a_ledger(revision=0), pool=a_pool(rotate="r", compromised="gone")), found, NOW).ledger
    assert old.handled_rotate == "r"
    assert asked.is_handled("gone", old.handled_compromised, old.pool_uid)
    assert old.unmatched == ("entry 1, 4 characters",), "nobody knows whether that key was dealt with"
    leak = recovered(seen(ledger=a_ledger(revision=0), pool=a_pool(compromised=entry.print)), found, NOW).ledger
    assert leak.handled_compromised is None
    everything = recovered(seen(ledger=a_ledger(revision=0), pool=a_pool(compromised="all@x")), found, NOW).ledger
    assert everything.handled_compromised is None


def test_a_key_that_another_ledger_knows_is_not_adopted() -> None:
    entry = published(1)
    found = Evidences((entry,), (row(1),), {entry.print: True}, foreign={"h1"})
    result = recovered(seen(ledger=a_ledger(revision=0)), found, NOW)
    assert result.ledger.keys == ()
    assert result.orphans == (entry.print,)


@pytest.mark.parametrize("exclusive", [False, True])
def test_a_secret_with_a_high_revision_makes_no_nameless_key_ours_unless_the_account_is_ours_alone(
    exclusive: bool,
) -> None:
    entry = published(1)
    o = seen(ledger=a_ledger(revision=7), provider=replace(PROVIDER, exclusive=exclusive))
    result = recovered(o, Evidences((entry,), (row(1),), {entry.print: True}, newest=99), NOW)
    assert bool(result.ledger.keys) is exclusive
    assert bool(result.orphans) is not exclusive


def test_a_published_key_that_an_older_ledger_has_as_new_is_active_and_not_revoked() -> None:
    value = SecretStr("sk-" + "n" * 20)
    ledger = a_ledger(a_key(0, name="before"), a_key(0, KeyState.CREATED, name="n", value=value, template="gone"))
    entry = Published(value, True)
    result = recovered(seen(ledger=ledger), Evidences((entry,), verdicts={entry.print: True}, newest=99), NOW)
    assert states(result.ledger) == {"before": "draining", "n": "active"}


def test_a_published_key_that_an_older_ledger_has_as_draining_drains_anew() -> None:
    value = SecretStr("sk-" + "d" * 20)
    ledger = a_ledger(a_key(0), a_key(0, KeyState.DRAINING, name="d", value=value, unpublished_at=NOW - 3 * DAY))
    entry = Published(value, True)
    result = recovered(seen(ledger=ledger), Evidences((entry,), verdicts={entry.print: True}, newest=99), NOW)
    drained = result.ledger.key("d")
    assert drained is not None
    assert drained.unpublished_at is None


def test_a_published_key_whose_value_was_ours_to_choose_is_the_intent_of_an_older_ledger() -> None:
    name, value = "kp.shop.web.inst.0123456789", SecretStr("sk-" + "c" * 43)
    entry, before = Published(value, True), a_ledger(a_key(0, KeyState.UNRESOLVED, name=name, value=value))
    found = Evidences((entry,), (Row("h1", None, name),), {entry.print: True}, newest=99)
    after = recovered(seen(ledger=before), found, NOW)
    assert (states(after.ledger), after.ledger.keys[0].handle, after.orphans) == ({name: "active"}, "h1", ())


def test_a_published_key_whose_value_was_chosen_and_that_is_not_listed_yet_is_nobody_elses() -> None:
    value = SecretStr("sk-" + "c" * 43)
    entry, before = Published(value, True), a_ledger(a_key(0, KeyState.UNRESOLVED, name="n", value=value))
    after = recovered(seen(ledger=before), Evidences((entry,), (), {entry.print: True}, newest=99), NOW)
    assert (states(after.ledger), after.orphans) == ({"n": "unresolved"}, ())


def test_a_published_key_that_an_older_ledger_has_as_disabled_is_enabled_and_drains_anew() -> None:
    value = SecretStr("sk-" + "d" * 20)
    ledger = a_ledger(a_key(0), a_key(0, KeyState.DISABLED, name="d", value=value))
    entry = Published(value, True)
    result = recovered(seen(ledger=ledger), Evidences((entry,), verdicts={entry.print: True}, newest=99), NOW)
    wanted = result.ledger.key("d")
    assert wanted is not None
    assert (wanted.state, wanted.enabling, wanted.unpublished_at) == (KeyState.DRAINING, True, None)


@pytest.mark.parametrize(
    "text", ["", "[", "[]", '{"keys": 7}', '{"keys": [7, {"apiKey": "short"}]}', "[" * 5000, json.dumps({"keys": [{}]})]
)
def test_nonsense_in_a_secret_is_no_key(text: str) -> None:
    assert published_in([{"apiKey": "nonsense", "keys.json": text}], "apiKey") == ()


def test_names_are_ours_whatever_the_installation() -> None:
    assert is_name_of("kp.shop.web.a1b2.0123456789", "shop", "web")
    assert not is_name_of("kp.shop.web.a1b2.0123456789", "shop", "we")


@pytest.mark.parametrize(
    ("missing", "of", "confirmed", "stops"),
    [(3, 3, 0, False), (4, 10, 0, True), (4, 40, 0, False), (5, 40, 0, True), (50, 60, 49, True), (50, 60, 50, False)],
)
def test_few_lost_ledgers_are_rebuilt_and_many_ask_for_a_person(
    missing: int, of: int, confirmed: int, *, stops: bool
) -> None:
    assert (too_many(missing, of, confirmed, "system") is not None) == stops


@pytest.mark.parametrize(
    "state",
    [
        pytest.param(KeyState.OWED, marks=pytest.mark.row("OWED", "ABANDONED")),
        pytest.param(KeyState.REVOKING, marks=pytest.mark.row("REVOKING", "ABANDONED")),
        pytest.param(KeyState.HELD, marks=pytest.mark.row("HELD", "ABANDONED")),
        pytest.param(KeyState.UNRESOLVED, marks=pytest.mark.row("UNRESOLVED", "ABANDONED")),
    ],
)
def test_a_key_that_cannot_be_revoked_is_given_up_once_and_nothing_else_is(state: KeyState) -> None:
    before = a_ledger(a_key(0, state, name="it"), a_key(0), a_key(1, KeyState.DRAINING))
    after = decide(owed_keys_are_abandoned, seen(ledger=before, abandon="all@word")).ledger
    assert states(after) == {"active-0": "active", "draining-1": "draining"}
    assert decide(owed_keys_are_abandoned, seen(ledger=after, abandon="all@word")).ledger is None
