"""A create call is made soon after its intent, or not at all: a listing might be looked at before the key is there."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from types import SimpleNamespace
from typing import cast

import pytest

from keypool.cluster.ledgers import LedgerHandle
from keypool.core import actions as act
from keypool.core.deadlines import BEGIN_WITHIN, CREATE_DEADLINE
from keypool.core.grievances import Grievances
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.providers.fake import FakeProvider
from keypool.providers.transport import Deadlines
from keypool.reconcile import keys
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.world import World
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import NOW, PROVIDER, SECOND, a_key, a_ledger, seen


class Stored:
    """A ledger that is durable at once."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    async def update(self, change: Callable[[Ledger], Ledger]) -> None:
        """Stores a change."""
        self.ledger = change(self.ledger)


async def enough(left: float, seconds: float) -> bool:
    """Leadership: so much is left, and no renewal comes."""
    return left > seconds


async def created_at(now: datetime, *, left: float = 60.0) -> tuple[FakeProvider, Pass]:
    """The provider and the pass, after a key that was intended at NOW was to be created; `left`: of the leadership."""
    provider = FakeProvider(now=now)
    directory = SimpleNamespace(
        get=lambda _: SimpleNamespace(uid=PROVIDER.uid, provider=provider, trusted=True, grievances=Grievances())
    )
    leadership = SimpleNamespace(enough=partial(enough, left))
    surroundings = {"leadership": leadership, "deadlines": Deadlines(), "metrics": Metrics()}
    cache, pace = SimpleNamespace(provider_by_uid=lambda _: None), SimpleNamespace(made=lambda *_: None)
    world = SimpleNamespace(
        cache=cache, pace=pace, directory=directory, now=lambda: now, random=lambda: 0.5, **surroundings
    )
    ledger = a_ledger(a_key(state=KeyState.INTENDED, name="new", intended_at=NOW))
    handle = cast("LedgerHandle", Stored(ledger))
    this = Pass(cast("World", world), seen(ledger=ledger), handle, Memory())
    await keys.create(this, act.CreateKey("new"))
    return provider, this


@pytest.mark.row("INTENDED", "NEVER_SENT")
async def test_a_call_that_is_late_is_not_made_and_its_intent_forgotten() -> None:
    provider, this = await created_at(NOW + BEGIN_WITHIN + SECOND)
    assert not provider.calls
    assert this.handle.ledger.keys == ()
    assert this.memory.next_try(NOW) is not None, "the slot is looked at again"


@pytest.mark.row("INTENDED", "ANSWERED")
async def test_a_call_in_time_is_made() -> None:
    _, this = await created_at(NOW + BEGIN_WITHIN - SECOND)
    assert [key.state for key in this.handle.ledger.keys] == [KeyState.CREATED]


@pytest.mark.row("INTENDED", "NEVER_SENT")
async def test_a_call_that_could_outlast_the_leadership_is_not_made_and_its_intent_forgotten() -> None:
    provider, this = await created_at(NOW, left=Deadlines().create)
    assert not provider.calls
    assert this.handle.ledger.keys == ()
    assert this.memory.next_try(NOW) is not None, "the slot is looked at again"


def test_a_call_that_begins_in_time_is_over_when_its_key_is_looked_for() -> None:
    assert BEGIN_WITHIN.total_seconds() + Deadlines().create <= CREATE_DEADLINE.total_seconds()
