"""What has to wait for the account's request budget is put off before anything is written down."""

import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from keypool.api.provider_budget import RequestBudget
from keypool.cluster.client import KubeClient
from keypool.cluster.ledgers import LedgerHandle
from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason
from keypool.core.rotation import Why
from keypool.reconcile.admission import LONG, admit
from keypool.reconcile.budgets import Budgets
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.world import World
from tests.unit.core.builders import PROVIDER, a_key, a_ledger, seen

UID = PROVIDER.uid
BORN = datetime(2100, 1, 1, tzinfo=UTC)


class Clock:
    """The time, as a test moves it."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Now."""
        return datetime.fromtimestamp(time.time(), UTC) + self.ahead


@pytest.fixture
def clock() -> Clock:
    """The operator's clock."""
    return Clock()


@pytest.fixture
async def budgets(clock: Clock) -> AsyncIterator[Budgets]:
    """The budgets of all accounts; nobody is woken."""
    made = Budgets(cast("KubeClient", None), "system", clock, lambda _: None)
    yield made
    await made.close()


def a_pass(
    budgets: Budgets, clock: Clock, *names: str, why: Why = Why.SLOT_EMPTY, pool: str = "pool-1"
) -> tuple[Pass, Plan]:
    """A pass whose plan makes a key for each name."""
    world = cast("World", SimpleNamespace(budgets=budgets, now=clock))
    keys = [a_key(slot, state=KeyState.INTENDED, name=name, why=why.value) for slot, name in enumerate(names)]
    ledger = a_ledger(*keys).model_copy(update={"pool_uid": pool})
    this = Pass(world, seen(ledger=ledger), cast("LedgerHandle", SimpleNamespace(ledger=ledger)), Memory())
    return this, Plan(ledger, tuple(act.CreateKey(name) for name in names))


async def test_without_a_budget_everything_goes_on(budgets: Budgets, clock: Clock) -> None:
    this, plan = a_pass(budgets, clock, "a", "b")
    assert admit(this, plan)
    assert not this.memory.wait_until


async def test_as_many_keys_are_made_as_the_budget_grants(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=3), BORN)
    this, plan = a_pass(budgets, clock, "a", "b", "c", "d")
    assert not admit(this, plan)
    assert this.memory.creates == 3
    assert "create" not in this.memory.wait_until


async def test_what_waits_is_put_off_and_shows_no_trouble(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=3), None)
    this, plan = a_pass(budgets, clock, "a")
    assert not admit(this, plan)
    assert this.memory.wait_until["create"] > clock()
    assert not this.memory.troubles


async def test_what_waits_for_long_says_so_until_its_turn_comes(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=3), None)
    budgets.account(UID).budget.pause(clock().timestamp() + 600)
    this, plan = a_pass(budgets, clock, "a")
    assert not admit(this, plan)
    clock.ahead += timedelta(seconds=LONG + 1)
    assert not admit(this, plan)
    assert this.memory.troubles["create"].reason is Reason.WAITS_FOR_BUDGET
    assert "spec.requestBudget" in this.memory.troubles["create"].message
    this.memory.resume("create")
    assert not this.memory.troubles
    assert not this.memory.wait_until


async def test_a_pool_that_was_woken_gets_what_it_waited_for(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=3), None)
    this, plan = a_pass(budgets, clock, "a")
    pool = this.handle.ledger.pool_uid
    assert not admit(this, plan)
    clock.ahead += timedelta(seconds=62)
    budgets.account(UID).dispatch()
    assert budgets.turns(pool) == {"create"}
    assert admit(this, plan)
    with budgets.using(pool, "create"):
        async with budgets.account(UID).turn("create a key"):
            assert budgets.account(UID).left() == {"minute": 2}
    budgets.let_go(pool)
    assert budgets.account(UID).left() == {"minute": 2}


async def test_the_turns_of_a_pass_that_did_not_need_them_are_free_again(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=3), BORN)
    this, plan = a_pass(budgets, clock, "a", "b")
    assert admit(this, plan)
    assert budgets.account(UID).left() == {"minute": 1}
    budgets.let_go(this.handle.ledger.pool_uid)
    assert budgets.account(UID).left() == {"minute": 3}


async def test_the_successor_of_a_compromised_key_may_use_what_is_kept_for_urgent_calls(
    budgets: Budgets, clock: Clock
) -> None:
    budgets.configure(UID, RequestBudget(per_minute=10), BORN)
    this, plan = a_pass(budgets, clock, *map(str, range(9)))
    assert admit(this, plan)
    ordinary, plan = a_pass(budgets, clock, "ordinary", pool="pool-2")
    assert not admit(ordinary, plan)
    urgent, plan = a_pass(budgets, clock, "urgent", pool="pool-3", why=Why.COMPROMISED)
    assert admit(urgent, plan)


async def test_until_the_pass_over_a_leaked_key_ends_others_that_can_wait_do(budgets: Budgets, clock: Clock) -> None:
    budgets.configure(UID, RequestBudget(per_minute=1000), BORN)
    urgent, other = a_pass(budgets, clock, "a", why=Why.COMPROMISED), a_pass(budgets, clock, "b", pool="pool-2")
    assert admit(*urgent)
    assert not admit(*other)
    budgets.let_go("pool-1")
    assert admit(*other)
