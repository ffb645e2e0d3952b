"""Requests wait for their turn in the account's budget, whoever sends them."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import timedelta

import pytest

from keypool.api.provider_budget import RequestBudget
from keypool.cluster.errors import Unavailable
from keypool.core.turns import Rank, Ticket
from keypool.providers.errors import Throttled
from keypool.reconcile.account_budget import USING, AccountBudget
from tests.waiting import eventually

WINDOW = 0.5
Maker = Callable[..., AccountBudget]


class Office:
    """Everything around the budgets of a test: who was woken, and what was recorded of the day."""

    def __init__(self) -> None:
        self.woken: list[Ticket] = []
        self.records: list[dict[int, int]] = []
        self.failures = 0

    def wake(self, account: AccountBudget, ticket: Ticket) -> None:
        """A ticket's turn has come."""
        account.budget.take(ticket)
        self.woken.append(ticket)

    async def store(self, counts: Mapping[int, int]) -> None:
        """Makes the day's use durable, but for the first `failures` times."""
        if self.failures:
            self.failures -= 1
            raise Unavailable("the API server is away", maybe_done=True)
        self.records.append(dict(counts))


@pytest.fixture
async def office() -> Office:
    """Who is woken, and what is recorded."""
    return Office()


@pytest.fixture
async def make(office: Office) -> AsyncIterator[Maker]:
    """`make(per_minute=…, per_day=…, recorded=…, fresh=…)`: an account's budget; its minute is `WINDOW` seconds."""
    made: list[AccountBudget] = []

    def one(*, recorded: Mapping[int, int] | None = None, fresh: bool = True, **quota: int) -> AccountBudget:
        account = AccountBudget(time.time, office.wake, office.store, WINDOW)
        account.configure(RequestBudget(**quota) if quota else None, recorded=recorded or {}, fresh=fresh)
        made.append(account)
        return account

    yield one
    for account in made:
        await account.close()


async def sent(account: AccountBudget, number: int = 1) -> list[float]:
    """When so many requests, which are made side by side, were sent."""

    async def one() -> float:
        async with account.turn("list the keys"):
            return time.time()

    return sorted(await asyncio.gather(*(one() for _ in range(number))))


async def test_without_a_budget_nothing_waits(make: Maker, office: Office) -> None:
    account = make()
    times = await sent(account, 500)
    assert times[-1] - times[0] < WINDOW
    assert not office.records


async def test_requests_beyond_the_budget_wait_for_the_window_to_pass(make: Maker) -> None:
    times = await sent(make(per_minute=10), 12)
    assert all(later - earlier >= WINDOW for earlier, later in zip(times, times[10:], strict=False))


async def test_what_would_wait_too_long_is_not_sent_and_says_so(make: Maker) -> None:
    account = make(per_day=10)
    await sent(account, 10)
    with pytest.raises(Throttled, match=r"^list the keys: not sent, because the account's request budget is used up"):
        await sent(account)


async def test_what_must_not_wait_is_sent_now_or_not_at_all(make: Maker) -> None:
    account = make(per_minute=10)
    await sent(account, 10)
    with pytest.raises(Throttled, match="create a key: not sent"):
        async with account.turn("create a key", patient=False):
            pytest.fail("it was sent")
    assert account.budget.waiting == 0


async def test_a_call_that_is_cut_off_as_its_turn_comes_leaves_the_turn_to_others(make: Maker) -> None:
    account = make(per_minute=10)
    await sent(account, 10)
    waiting = asyncio.create_task(sent(account))

    async def waits() -> bool:
        return account.budget.waiting == 1

    await eventually(waits, 5)
    while account.budget.waiting:  # in one step of the loop: the turn comes, and the call is cut off
        account.dispatch()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.sleep(WINDOW / 10)
    assert account.left()["minute"] == 10


async def test_after_a_takeover_the_minute_counts_as_used_up(make: Maker) -> None:
    began = time.time()
    assert (await sent(make(per_minute=10, fresh=False)))[0] - began >= WINDOW


async def test_one_refusal_stops_all_requests_for_as_long_as_the_provider_says(make: Maker, office: Office) -> None:
    account = make()
    account.throttled(timedelta(seconds=2))
    began = time.time()
    with pytest.raises(Throttled, match="the provider asked for a pause") as caught:
        await sent(account)
    assert caught.value.retry_after == timedelta(seconds=2)
    granted, _ = account.ask("pool", "create", Rank.URGENT, 1, 1)
    assert not granted

    async def woken() -> bool:
        return bool(office.woken)

    await eventually(woken, 5, "the pool is woken")
    assert time.time() - began >= 1.9


async def test_a_pause_that_the_provider_names_does_not_grow_however_often_it_refuses(make: Maker) -> None:
    account = make()
    for _ in range(8):
        account.throttled(timedelta(seconds=1))
    assert account.budget.paused_for(time.time()) <= 1


async def test_refusals_that_say_nothing_make_the_pauses_longer(make: Maker) -> None:
    account = make()
    account.throttled(None)
    first = account.budget.paused_for(time.time())
    assert 0.9 < first <= 1
    account.throttled(None)
    assert account.budget.paused_for(time.time()) < 1.5, "many refusals at once count as one"

    async def over() -> bool:
        return not account.budget.paused_for(time.time())

    await eventually(over, 5)
    account.throttled(None)
    assert account.budget.paused_for(time.time()) > 1


async def test_who_waits_is_woken_in_the_order_of_ranks(make: Maker, office: Office) -> None:
    account = make(per_minute=1, fresh=False)
    for rank in (Rank.CREATE, Rank.PROBE, Rank.URGENT):
        granted, _ = account.ask(rank.name, "call", rank, 1, 1)
        assert not granted
    for number in range(1, 3):

        async def next_one(number: int = number) -> bool:
            return len(office.woken) == number

        await eventually(next_one, 5, f"{number} woken")
        account.budget.begin(office.woken[-1])
        account.budget.end(time.time())
        account.done(office.woken[-1])
    assert [ticket.rank for ticket in office.woken[:2]] == [Rank.URGENT, Rank.PROBE]


async def test_a_call_that_needs_more_requests_than_it_asked_for_waits_inside_and_asks_for_more_next_time(
    make: Maker,
) -> None:
    account = make(per_minute=20)
    (ticket,), _ = account.ask("pool", "lookup", Rank.PROBE, 1, 1)
    token = USING.set((account, ticket))
    for _ in range(5):
        await sent(account)
    USING.reset(token)
    account.done(ticket)
    assert account.cost("lookup", 1) == 5
    assert account.left() == {"minute": 15}


@pytest.mark.parametrize("rank", [Rank.PROBE, Rank.CREATE, Rank.SWEEP])
async def test_a_call_that_was_begun_is_finished_although_a_pool_goes_first(make: Maker, rank: Rank) -> None:
    account = make(per_minute=100)
    (ticket,), _ = account.ask("pool", "create", rank, 1, 1)
    account.budget.put_first("pool", time.time())
    token = USING.set((account, ticket))
    try:
        async with account.turn("create a key", patient=False):
            pass
        async with account.turn("look up the key", patient=False):
            pass
    finally:
        USING.reset(token)
    assert ticket.used == 2


async def test_turns_that_are_not_needed_are_free_again(make: Maker) -> None:
    account = make(per_minute=20)
    granted, _ = account.ask("pool", "create", Rank.CREATE, 1, 15)
    assert len(granted) == 15
    assert account.left() == {"minute": 5}
    for ticket in granted:
        account.done(ticket)
    assert account.left() == {"minute": 20}


async def test_the_days_use_is_recorded_before_it_happens_and_a_successor_knows_of_it(
    make: Maker, office: Office
) -> None:
    account = make(per_day=1000)
    await sent(account, 25)
    assert len(office.records) <= 4, "written in blocks"
    recorded = office.records[-1]
    assert 25 <= sum(recorded.values()) <= 35
    successor = make(per_day=1000, recorded=recorded, fresh=False)
    assert 965 <= successor.left()["day"] <= 975


async def test_nothing_is_sent_that_cannot_be_recorded(make: Maker, office: Office) -> None:
    office.failures = 1
    began = time.time()
    account = make(per_minute=100, per_day=1000)
    with pytest.raises(Throttled):
        await sent(account)
    assert not office.records

    async def recorded() -> bool:
        return bool((await asyncio.gather(sent(account), return_exceptions=True)) and office.records)

    await eventually(recorded, 5)
    assert time.time() - began >= 1


async def test_a_record_that_is_damaged_counts_as_used_up() -> None:
    office = Office()
    account = AccountBudget(time.time, office.wake, office.store, WINDOW)
    account.configure(RequestBudget(per_day=1000), recorded=None, fresh=False)
    assert account.left() == {"day": 0}
    await account.close()


async def test_another_number_is_in_force_at_once_and_what_was_used_counts(make: Maker) -> None:
    account = make(per_minute=10)
    await sent(account, 9)
    account.configure(RequestBudget(per_minute=100), recorded={}, fresh=False)
    assert account.left() == {"minute": 91}
    account.configure(None, recorded={}, fresh=False)
    assert account.is_free()
