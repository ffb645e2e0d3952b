"""A request budget: no window exceeds it, what matters goes first, everybody gets his turn, a crash loses no count."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.budget import CLAIM_WITHIN, FIRST_FOR, MOST_WOKEN, Budget, Window, share
from keypool.core.turns import OLDEST_EVERY, Rank, Ticket

LENGTH = 60.0
START = 1_000_000.0

ranks = st.sampled_from(Rank)
asks = st.tuples(st.just("ask"), st.integers(0, 5), ranks, st.integers(1, 4))
steps = st.one_of(
    asks,
    st.tuples(st.just("time"), st.sampled_from([0.01, 0.5, 3.0, 20.0, 59.9, 61.0])),
    st.tuples(st.just("begin"), st.integers(0, 9)),
    st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("drop"), st.integers(0, 9)),
    st.tuples(st.just("pause"), st.sampled_from([1.0, 30.0])),
)


def a_budget(calls: int, day: int | None = None) -> Budget:
    """With a window of `LENGTH` and, where given, a daily one."""
    budget = Budget()
    window, daily = Window(calls, LENGTH), Window(day, 86400.0) if day is not None else None
    budget.limit((window, daily) if daily is not None else (window,), daily)
    return budget


def fullest(times: Iterable[float], window: float) -> int:
    """The most calls in any window of that length, wherever it begins."""
    ordered = sorted(times)
    return max((sum(at <= other < at + window for other in ordered) for at in ordered), default=0)


@dataclass
class Account:
    """Pools that ask, call and give up as a test says. `arrivals`: when the provider saw each request; `sent` and
    `seen` tell how far requests under way have come."""

    budget: Budget
    now: float = START
    turns: list[Ticket] = field(default_factory=list)
    sent: list[float] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    order: list[Ticket] = field(default_factory=list)

    def dispatch(self) -> None:
        """Whoever has his turn takes it."""
        while block := self.budget.block(self.now):
            self.budget.record(block, self.now)
            self.budget.reserved(block, self.now)
        while granted := self.budget.dispatch(self.now):
            for ticket in granted:
                self.budget.take(ticket)
            self.turns += granted
            self.order += granted

    def call(self, ticket: Ticket) -> None:
        """All calls of a ticket, each over at once."""
        while ticket.left:
            self.begin(ticket)
            self.end(0)
        self.budget.drop(ticket, self.now)
        self.turns.remove(ticket)

    def begin(self, ticket: Ticket) -> None:
        """One request is sent."""
        self.budget.begin(ticket)
        self.sent.append(self.now)

    def end(self, index: int) -> None:
        """One request is over; the provider saw it late, or early where their number is odd."""
        sent = self.sent.pop(index % len(self.sent))
        self.arrivals.append(sent if len(self.arrivals) % 2 else self.now)
        self.budget.end(self.now)

    def step(self, kind: str, *of: float) -> None:
        """One event."""
        if kind == "ask":
            pool, rank, calls = map(int, of)
            self.budget.ask(f"pool-{pool}", "create", Rank(rank), calls, self.now)
        elif kind == "time":
            self.now += of[0]
        elif kind == "pause":
            self.budget.pause(self.now + of[0])
        elif kind == "begin" and (ready := [ticket for ticket in self.turns if ticket.left]):
            self.begin(ready[int(of[0]) % len(ready)])
        elif kind == "end" and self.sent:
            self.end(int(of[0]))
        elif kind == "drop" and self.turns:
            self.budget.drop(self.turns.pop(int(of[0]) % len(self.turns)), self.now)
        self.dispatch()


@given(calls=st.integers(1, 12), day=st.none() | st.integers(1, 40), events=st.lists(steps, max_size=120))
def test_no_window_at_the_provider_holds_more_than_the_budget(
    calls: int, day: int | None, events: list[tuple[Any, ...]]
) -> None:
    account = Account(a_budget(calls, day))
    for event in events:
        account.step(*event)
        assert fullest((*account.arrivals, *account.sent), LENGTH) <= calls
        assert day is None or len(account.arrivals) + len(account.sent) <= day or account.now > START + 86400


@given(st.lists(st.tuples(st.integers(0, 4), ranks), min_size=1, max_size=60))
def test_everybody_is_served_in_the_end(wanted: list[tuple[int, Rank]]) -> None:
    account = Account(a_budget(4))
    for pool, rank in wanted:
        account.step("ask", pool, rank, 1)
    for _ in wanted:
        for ticket in tuple(account.turns):
            account.call(ticket)
        account.step("time", 61.0)
    assert len(account.order) == len(wanted)


@given(st.lists(st.tuples(st.integers(0, 4), ranks), max_size=40), st.integers(1, 3))
def test_an_urgent_call_is_the_next_one_whoever_waits(wanted: list[tuple[int, Rank]], calls: int) -> None:
    account = Account(a_budget(5))
    for pool, rank in wanted:
        account.step("ask", pool, rank, 1)
    before = len(account.order)
    urgent = account.budget.ask("leaked", "revoke", Rank.URGENT, calls, account.now)
    earlier = sum(rank is Rank.URGENT for _, rank in wanted)
    for _ in range(earlier + 2):
        account.dispatch()
        for ticket in tuple(account.turns):
            account.call(ticket)
        account.now += 61.0
    later = account.order[before:]
    assert urgent in later
    assert all(ticket.rank is Rank.URGENT for ticket in later[: later.index(urgent)])


def test_while_a_pool_goes_first_only_what_cannot_wait_gets_a_turn() -> None:
    budget = a_budget(1000)
    budget.put_first("leaked", START)
    waits, renews, urgent = (
        budget.ask("other", "create", rank, 1, START) for rank in (Rank.PROBE, Rank.RENEW, Rank.URGENT)
    )
    assert budget.dispatch(START) == [urgent, renews]
    budget.let_go("leaked")
    assert budget.dispatch(START) == [waits]


def test_pools_that_go_first_one_after_the_other_do_not_keep_the_others_from_their_turn_for_ever() -> None:
    budget = a_budget(100)
    budget.put_first("leaked", START)
    waits = budget.ask("other", "create", Rank.CREATE, 1, START)
    budget.put_first("another", START + FIRST_FOR / 2)
    budget.let_go("leaked")
    assert budget.dispatch(START + FIRST_FOR - 1) == []
    assert budget.dispatch(START + FIRST_FOR) == [waits]


def test_an_urgent_call_finds_room_that_the_others_must_leave() -> None:
    account = Account(a_budget(60))
    for number in range(200):
        account.step("ask", number, Rank.CREATE, 1)
    for _ in range(10):
        for ticket in tuple(account.turns):
            account.call(ticket)
        account.dispatch()
    assert len(account.order) == share(60, Rank.CREATE) == 54
    urgent = account.budget.ask("leaked", "revoke", Rank.URGENT, 2, account.now)
    account.dispatch()
    assert account.order[-1] is urgent


def test_low_ranks_get_every_fourth_turn() -> None:
    account = Account(a_budget(100_000))
    account.step("ask", 1, Rank.SWEEP, 1)
    for _ in range(20):
        account.step("ask", 0, Rank.RENEW, 1)
    assert [ticket.rank for ticket in account.order].index(Rank.SWEEP) < OLDEST_EVERY


def test_pools_of_one_rank_take_turns_however_much_one_of_them_wants() -> None:
    account = Account(a_budget(10))
    account.budget.pause(START + 1)
    for pool in (0, 0, 0, 0, 0, 1, 2):
        account.step("ask", pool, Rank.CREATE, 1)
    account.step("time", 2.0)
    assert {ticket.pool for ticket in account.order[:3]} == {"pool-0", "pool-1", "pool-2"}


def test_many_calls_at_once_are_not_overtaken_for_ever_by_single_ones() -> None:
    account = Account(a_budget(10))
    for pool in range(9):
        account.step("ask", pool, Rank.PROBE, 1)
    for ticket in tuple(account.turns):
        account.call(ticket)
    account.step("ask", 10, Rank.PROBE, 8)
    for number in range(50):
        account.step("ask", 20 + number, Rank.CREATE, 1)
        account.step("time", 2.0)
        for ticket in tuple(account.turns):
            account.call(ticket)
    assert any(ticket.calls == 8 for ticket in account.order)


def test_nobody_gets_a_turn_during_a_pause() -> None:
    account = Account(a_budget(10))
    account.budget.pause(START + 30)
    account.step("ask", 1, Rank.URGENT, 1)
    assert not account.order
    assert account.budget.next_turn(account.now) == START + 30
    account.step("time", 30.0)
    assert len(account.order) == 1


def test_a_turn_that_nobody_takes_goes_to_the_next() -> None:
    budget = a_budget(1)
    gone, waits = (budget.ask(pool, "create", Rank.CREATE, 1, START) for pool in ("gone", "waits"))
    assert budget.dispatch(START) == [gone]
    assert budget.dispatch(START + CLAIM_WITHIN - 1) == []
    assert budget.dispatch(START + CLAIM_WITHIN) == [waits]


def test_only_so_many_are_woken_at_once_except_for_urgent_ones() -> None:
    budget = a_budget(1000)
    for number in range(50):
        budget.ask(f"pool-{number}", "create", Rank.CREATE, 1, START)
    assert len(budget.dispatch(START)) == MOST_WOKEN
    urgent = budget.ask("leaked", "revoke", Rank.URGENT, 2, START)
    assert budget.dispatch(START) == [urgent]
    assert budget.next_turn(START) == START + CLAIM_WITHIN, "no busy waiting"


def test_more_calls_than_the_budget_grants_are_asked_for_as_many_as_it_does() -> None:
    budget = a_budget(5)
    listing = budget.ask("pool", "lookup", Rank.PROBE, 80, START)
    assert budget.dispatch(START) == [listing]
    smaller = budget.ask("pool", "gone", Rank.SWEEP, 5, START)
    budget.limit((Window(2, LENGTH),), None)
    assert smaller.calls == 2


@given(st.lists(st.tuples(st.sampled_from([0.1, 700.0, 2000.0]), st.booleans()), max_size=60))
def test_after_a_crash_the_daily_quota_knows_of_every_call(events: list[tuple[float, bool]]) -> None:
    budget, now, made = a_budget(10_000, 300), START, list[float]()
    stored: dict[int, int] = {}
    for pause, ends in events:
        now += pause
        ticket = budget.ask("pool", "probe", Rank.PROBE, 2, now)
        if block := budget.block(now):
            stored = budget.record(block, now)
            budget.reserved(block, now)
        if budget.dispatch(now):
            budget.take(ticket)
            for _ in range(2 if ends else 1):
                budget.begin(ticket)
                made.append(now)
                budget.end(now)
        budget.drop(ticket, now)
        successor = Window(300, 86400.0)
        successor.restore(stored)
        assert successor.used(now) >= sum(at > now - 86400 for at in made)


def test_daily_use_is_seldom_recorded() -> None:
    budget, records = a_budget(100_000, 1000), 0
    for _ in range(500):
        ticket = budget.ask("pool", "probe", Rank.PROBE, 1, START)
        if block := budget.block(START):
            records += 1
            budget.reserved(block, START)
        assert budget.dispatch(START) == [ticket]
        budget.take(ticket)
        budget.begin(ticket)
        budget.end(START)
        budget.drop(ticket, START)
    assert records == 50


def test_without_a_quota_nobody_has_to_ask() -> None:
    budget = Budget()
    assert budget.is_free(START)
    budget.pause(START + 1)
    assert not budget.is_free(START)
    assert budget.is_free(START + 1)


@pytest.mark.parametrize(("calls", "urgent", "renew", "others"), [(60, 60, 57, 54), (10, 10, 10, 9), (1, 1, 1, 1)])
def test_what_each_rank_may_use(calls: int, urgent: int, renew: int, others: int) -> None:
    assert [share(calls, rank) for rank in (Rank.URGENT, Rank.RENEW)] == [urgent, renew]
    assert {share(calls, rank) for rank in (Rank.PROBE, Rank.CREATE, Rank.SWEEP)} == {others}
