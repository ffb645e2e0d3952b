"""A create call whose answer was lost is made again with the same name and value, and so makes no second key."""

from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from keypool.core import actions as act
from keypool.core.grievances import Grievances
from keypool.core.lifecycle import KeyState
from keypool.core.observation import ProviderFacts
from keypool.providers.errors import (
    Ambiguous,
    CredentialRejected,
    EndpointRefused,
    Rejected,
    Throttled,
    Unavailable,
    Unreadable,
)
from keypool.providers.fake import FakeProvider
from keypool.providers.transport import Deadlines
from keypool.reconcile import keys, repeating
from keypool.reconcile.chosen import new_value, with_chosen_values
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import CHOOSING, MINUTE, NOW, PROVIDER, a_key, a_ledger, seen
from tests.unit.test_late_create import Stored

CHOSEN = SecretStr("sk-chosen-by-us-before-the-call")


async def led(_: float) -> bool:
    """There is enough leadership left."""
    return True


def a_pass(provider: FakeProvider, state: KeyState, now: Any = NOW) -> Pass:
    """One pass over a pool whose key `lost` is in this state; its value was chosen."""
    directory = SimpleNamespace(
        get=lambda _: SimpleNamespace(uid=PROVIDER.uid, provider=provider, trusted=True, grievances=Grievances()),
        set_problem=lambda *_: None,
        doubt=lambda _: None,
        unanswered=lambda _: False,
    )
    world = SimpleNamespace(
        cache=SimpleNamespace(provider_by_uid=lambda _: None),
        pace=SimpleNamespace(made=lambda *_: None),
        directory=directory,
        now=lambda: now,
        random=lambda: 0.5,
        leadership=SimpleNamespace(enough=led),
        deadlines=Deadlines(),
        metrics=Metrics(),
        tell_failure=lambda *_: None,
        touch_provider=lambda _: None,
    )
    ledger = a_ledger(a_key(state=state, name="lost", intended_at=now, value=CHOSEN))
    return Pass(cast("Any", world), seen(ledger=ledger, provider=CHOOSING), cast("Any", Stored(ledger)), Memory())


def only_key(this: Pass) -> Any:
    """The one record in the ledger."""
    (key,) = this.handle.ledger.keys
    return key


@pytest.mark.row("UNRESOLVED", "ANSWERED")
async def test_a_restart_between_call_and_answer_leaves_one_key_and_its_value_in_the_ledger() -> None:
    provider = FakeProvider(now=NOW)
    provider.fail("create", Ambiguous("the process ended"))
    before = a_pass(provider, KeyState.INTENDED)
    await keys.create(before, act.CreateKey("lost"))
    assert only_key(before).state is KeyState.UNRESOLVED

    after = a_pass(provider, KeyState.UNRESOLVED, NOW + MINUTE)
    assert await repeating.repeat(after, act.RepeatCreate("lost"))
    (made,) = provider.keys.values()
    assert (only_key(after).state, only_key(after).handle, only_key(after).value) == ("created", made.handle, CHOSEN)
    assert made.value == CHOSEN
    assert provider.called("create") == ["lost", "lost"]


@pytest.mark.row("UNRESOLVED", "ANSWERED")
async def test_a_call_that_never_arrived_makes_the_key_now() -> None:
    provider = FakeProvider(now=NOW)
    this = a_pass(provider, KeyState.UNRESOLVED)
    await repeating.repeat(this, act.RepeatCreate("lost"))
    assert only_key(this).state is KeyState.CREATED
    assert len(provider.keys) == 1


async def test_after_a_definite_refusal_it_stays_unresolved_and_is_not_asked_for_again() -> None:
    provider = FakeProvider(now=NOW)
    provider.fail("create", Rejected("the name is taken"))
    this = a_pass(provider, KeyState.UNRESOLVED)
    assert not await repeating.repeat(this, act.RepeatCreate("lost"))
    assert only_key(this).state is KeyState.UNRESOLVED
    assert "repeat:lost" in this.memory.troubles
    assert "create" not in this.memory.wait_until, "other keys may be made"


@pytest.mark.parametrize(
    "error",
    [Throttled("slow"), Unavailable("down"), Ambiguous("lost"), CredentialRejected("no"), EndpointRefused("not there")],
)
async def test_after_any_other_failure_it_is_asked_for_again_later(error: Any) -> None:
    provider = FakeProvider(now=NOW)
    provider.fail("create", error)
    this = a_pass(provider, KeyState.UNRESOLVED)
    assert not await repeating.repeat(this, act.RepeatCreate("lost"))
    assert only_key(this).state is KeyState.UNRESOLVED
    assert "repeat:lost" not in this.memory.troubles
    assert this.memory.next_try(NOW) is not None


@pytest.mark.row("UNRESOLVED", "FOUND_WHOLE")
async def test_an_answer_that_shows_the_handle_alone_is_enough_because_the_value_is_known() -> None:
    provider = FakeProvider(now=NOW)
    provider.fail("create", Unreadable("no value in the answer", "h-7"))
    this = a_pass(provider, KeyState.UNRESOLVED)
    await repeating.repeat(this, act.RepeatCreate("lost"))
    assert (only_key(this).state, only_key(this).handle, only_key(this).value) == ("created", "h-7", CHOSEN)


def chosen(provider: ProviderFacts) -> Any:
    """The values of an intent and of an active key, as they are stored."""
    ledger = a_ledger(a_key(0, KeyState.INTENDED), a_key(1))
    return [key.value for key in with_chosen_values(provider, ledger, lambda: CHOSEN).keys]


def test_an_intent_gets_its_value_where_the_provider_lets_us_choose() -> None:
    assert chosen(CHOOSING) == [CHOSEN, SecretStr("sk-active-1")]
    assert chosen(PROVIDER) == [None, SecretStr("sk-active-1")]


def test_a_chosen_value_is_never_chosen_anew() -> None:
    ledger = a_ledger(a_key(0, KeyState.INTENDED, value=CHOSEN))
    assert with_chosen_values(CHOOSING, ledger) is ledger


def test_a_chosen_value_is_long_random_and_fit_for_a_header() -> None:
    values = {new_value().get_secret_value() for _ in range(50)}
    assert len(values) == 50
    for value in values:
        assert value.startswith("sk-")
        assert len(value) == 46
        assert value.isascii()
        assert value.replace("-", "").replace("_", "").isalnum()
