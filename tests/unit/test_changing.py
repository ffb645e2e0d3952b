"""Changing a key's limits in place: what is recorded, and what each answer leads to."""

from datetime import timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.core import actions as act
from keypool.core.grievances import Grievances
from keypool.core.limits import Limits
from keypool.core.reasons import Reason
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.fake import FakeKey, FakeProvider
from keypool.providers.transport import Deadlines
from keypool.reconcile import changing
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import ABLE, NOW, a_key, a_ledger, a_pool, a_spec, seen
from tests.unit.test_late_create import Stored, enough

POOL = a_pool(spec=a_spec(key={"rateLimit": {"requestsPerMinute": 60}}))


def a_pass(provider: FakeProvider, *, trusted: bool = True, left: float = 60.0) -> Pass:
    """One pass over a pool with one key, which the provider knows, and which is to get 60 requests a minute; so many
    seconds of leadership are `left`."""
    key = a_key(0)
    provider.keys.setdefault(key.handle, FakeKey(key.handle, key.name, key.value))
    entry = SimpleNamespace(uid="provider-1", provider=provider, trusted=trusted, grievances=Grievances())
    directory = SimpleNamespace(get=lambda _: entry, unanswered=lambda _: False)
    world: Any = SimpleNamespace(
        directory=directory,
        leadership=SimpleNamespace(enough=partial(enough, left)),
        deadlines=Deadlines(),
        metrics=Metrics(),
        pace=SimpleNamespace(floor=timedelta(minutes=1)),
        now=lambda: NOW,
        random=lambda: 0.5,
        tell_failure=lambda *_: None,
    )
    ledger = a_ledger(key)
    return Pass(world, seen(ledger=ledger, provider=ABLE, pool=POOL), cast("Any", Stored(ledger)), Memory())


async def test_the_provider_is_told_and_the_ledger_remembers_what() -> None:
    provider = FakeProvider(now=NOW)
    this = a_pass(provider)
    assert await changing.update(this, act.UpdateKey("active-0"))
    assert [key.limits for key in provider.keys.values()] == [Limits(requests_per_minute=60)]
    assert this.handle.ledger.keys[0].limits == Limits(requests_per_minute=60)
    assert this.handle.ledger.publication == this.observation.ledger.revision + 1, "keys.json changes with it"


@pytest.mark.parametrize(
    ("error", "reason", "person"),
    [(Ambiguous("lost"), Reason.PROVIDER_UNAVAILABLE, False), (Rejected("too much"), Reason.KEY_REFUSED, True)],
)
async def test_a_failure_changes_nothing_and_is_tried_again_later(error: Any, reason: Any, person: Any) -> None:
    provider = FakeProvider(now=NOW)
    provider.fail("update", error)
    this = a_pass(provider)
    assert not await changing.update(this, act.UpdateKey("active-0"))
    assert this.handle.ledger == this.observation.ledger
    trouble = this.memory.troubles["update:active-0"]
    assert (trouble.reason, trouble.needs_person) == (reason, person)


async def test_a_key_that_the_provider_does_not_know_keeps_its_limits() -> None:
    provider = FakeProvider(now=NOW)
    this = a_pass(provider)
    provider.keys.clear()
    assert not await changing.update(this, act.UpdateKey("active-0"))
    assert this.handle.ledger == this.observation.ledger
    assert this.memory.next_try(NOW) is not None


async def test_a_provider_that_is_not_proven_is_told_nothing() -> None:
    provider = FakeProvider(now=NOW)
    assert not await changing.update(a_pass(provider, trusted=False), act.UpdateKey("active-0"))
    assert not provider.calls


async def test_a_call_that_could_outlast_the_leadership_is_put_off() -> None:
    """The next leader may have changed the limits by then."""
    provider = FakeProvider(now=NOW)
    this = a_pass(provider, left=Deadlines().other)
    assert not await changing.update(this, act.UpdateKey("active-0"))
    assert not provider.calls
    assert this.memory.next_try(NOW) is not None, "it is tried again"


async def test_a_key_whose_limits_are_changed_again_and_again_costs_a_call_every_ten_seconds() -> None:
    this = a_pass(FakeProvider(now=NOW))
    assert await changing.update(this, act.UpdateKey("active-0"))
    assert this.memory.wait_until["update:active-0"] == NOW + timedelta(seconds=10)
    assert not this.memory.troubles
