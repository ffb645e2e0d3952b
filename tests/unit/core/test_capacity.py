"""A ledger has to fit into a Secret: ordinary keys stop before, what answers a leak goes on, and people are told."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.capacity import MOST, MOST_URGENT, size_of
from keypool.core.ledger import Ledger, dump
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason
from keypool.core.rules import creation
from tests.unit.core.builders import HOUR, NOW, PROVIDER, a_key, a_ledger, a_pool, a_spec, decide, seen

MODELS = tuple(f"vendor/{number:03}-" + "m" * 100 for number in range(64))
LARGE: dict[str, Any] = {"value": SecretStr("v" * 4096), "handle": "h" * 500, "models": MODELS}
LIMIT = 2**20
ABLE = replace(PROVIDER, capabilities=replace(PROVIDER.capabilities, sets_models=True))


def crowded(least: int, *, leaked: bool = False) -> Ledger:
    """A ledger of at least so many bytes: its first key is active, and due to be replaced; all others are owed."""
    first = a_key(0, created_at=NOW - 24 * HOUR, **({"asked": "compromised", "reported_at": NOW} if leaked else {}))
    keys = [first]
    while size_of(a_ledger(*keys)) < least:
        keys.append(a_key(0, KeyState.OWED, name=f"owed-{len(keys)}", disabled_at=NOW, **LARGE))
    return a_ledger(*keys)


def new_keys(ledger: Ledger, size: int = 1) -> tuple[int, set[str]]:
    """How many are to be made, and what is told."""
    decision = decide(creation.slots_get_keys, seen(ledger=ledger, pool=a_pool(spec=a_spec(size=size))))
    return len(decision.actions), {problem.reason for problem in decision.problems}


def test_the_size_of_a_ledger_is_never_told_too_small() -> None:
    for ledger in (a_ledger(), a_ledger(a_key(0)), crowded(200_000)):
        assert len(dump(ledger)) <= size_of(ledger) <= 3 * len(dump(ledger)) + 2000


def test_with_room_all_is_as_ever() -> None:
    assert new_keys(a_ledger(), 3) == (3, set())


def test_an_ordinary_key_is_not_made_where_it_may_not_fit_and_people_are_told() -> None:
    made, told = new_keys(crowded(MOST - 3000))
    assert made == 0
    assert told == {Reason.LEDGER_FULL}


def test_a_leaked_key_gets_its_successor_where_an_ordinary_one_would_not_fit() -> None:
    ledger = crowded(MOST, leaked=True)
    made, told = new_keys(ledger)
    assert (made, told) == (1, {Reason.LEDGER_FULL})
    assert size_of(ledger) < MOST_URGENT


def test_no_key_at_all_is_made_where_the_ledger_could_not_be_written() -> None:
    assert new_keys(crowded(MOST_URGENT - 2000, leaked=True))[0] == 0


@pytest.mark.parametrize("size", [1, 50, 100])
def test_keys_that_are_as_large_as_they_may_be_never_make_a_ledger_that_does_not_fit(size: int) -> None:
    ledger = a_ledger()
    for _ in range(20):
        spec = a_spec(size=size, key={"models": MODELS})
        decision = decide(creation.slots_get_keys, seen(ledger=ledger, pool=a_pool(spec=spec), provider=ABLE))
        if not decision.actions:
            break
        ledger = decision.ledger or ledger
        for key in ledger.keys:
            ledger = ledger.mark(key.name, state=KeyState.ACTIVE, created_at=NOW, **LARGE)
        assert len(dump(ledger)) < LIMIT
    assert len(ledger.keys) == size or Reason.LEDGER_FULL in {problem.reason for problem in decision.problems}
