"""When keypool asks by itself whether a provider still takes the admin credential."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from keypool.api.provider_budget import RequestBudget
from keypool.core.account import Account
from keypool.core.reasons import Reason
from keypool.providers.errors import ProviderError, Throttled, Unavailable
from keypool.reconcile.account_budget import AccountBudget
from keypool.reconcile.attempt import CHECK, Attempt, is_to_be_checked
from keypool.reconcile.directory import Directory
from tests.unit.core.builders import NOW

HOUR = timedelta(hours=1)


def an_entry(
    ago: timedelta | None, *, trusted: bool = True, lists: bool = True, listed: int = 3, requests: int = 1
) -> Any:
    """A provider object whose credential was taken so long ago; None for never."""
    provider = SimpleNamespace(capabilities=SimpleNamespace(lists_keys=lists))
    accepted = NOW - ago if ago is not None else None
    return SimpleNamespace(
        uid="u", trusted=trusted, provider=provider, accepted=accepted, listed=listed, requests=requests
    )


@pytest.mark.parametrize(("ago", "asked"), [(CHECK / 2, False), (CHECK, True), (None, True), (-HOUR, True)])
def test_it_asks_when_nobody_knows_any_more(ago: timedelta | None, asked: bool) -> None:
    """Also after the clock went back."""
    assert is_to_be_checked(an_entry(ago), None, NOW) is asked


def test_a_credential_that_was_never_good_or_is_none_is_not_checked_here() -> None:
    assert not is_to_be_checked(an_entry(HOUR, trusted=False), None, NOW)
    assert not is_to_be_checked(an_entry(HOUR, lists=False), None, NOW)


def test_a_large_account_is_asked_less_often() -> None:
    assert not is_to_be_checked(an_entry(CHECK * 19, listed=100_000), None, NOW)
    assert is_to_be_checked(an_entry(CHECK * 20, listed=100_000), None, NOW)


@pytest.mark.parametrize(
    ("quota", "every"),
    [
        (RequestBudget(per_day=100), 2.4 * HOUR),
        (RequestBudget(per_minute=1), HOUR / 6),
        (RequestBudget(per_minute=30), CHECK),
    ],
)
def test_it_takes_a_tenth_of_an_accounts_requests_at_most(quota: RequestBudget, every: timedelta) -> None:
    second = timedelta(seconds=1)
    assert not is_to_be_checked(an_entry(every - second), quota, NOW)
    assert is_to_be_checked(an_entry(every + second), quota, NOW)


def test_a_listing_of_many_pages_is_asked_for_as_much_less_often() -> None:
    quota, every = RequestBudget(per_day=1000), 12 * HOUR
    second = timedelta(seconds=1)
    assert not is_to_be_checked(an_entry(every - second, requests=50), quota, NOW)
    assert is_to_be_checked(an_entry(every + second, requests=50), quota, NOW)


class Books:
    """The accounts, as far as a check looks at them: each listing is of three pages, or fails with the next error."""

    def __init__(self) -> None:
        self.errors: list[ProviderError] = []
        self.budget = AccountBudget(NOW.timestamp, lambda *_: None, self.store, 60.0)

    async def store(self, _: object) -> None:
        """Nothing is to be stored."""

    async def take(self, *_: object) -> Any:
        """A listing."""
        if self.errors:
            raise self.errors.pop(0)
        for _page in range(3):
            async with self.budget.turn("list the keys"):
                pass
        return SimpleNamespace(keys={})

    def noted(self, *_: object) -> None:
        """Nobody asks."""

    def judge(self, *_: object) -> None:
        """Nobody asks."""

    def verdict(self, *_: object) -> Account:
        """Ours."""
        return Account.SAME


class World:
    """What a check works with. Time goes on by an hour with each."""

    def __init__(self) -> None:
        nothing: Any = None
        self.accounts, self.directory = Books(), Directory(nothing, "", nothing, nothing)
        self.at = NOW
        self.entry, self.attempt = an_entry(HOUR), Attempt()

    def now(self) -> datetime:
        """Later than before."""
        return self.at

    async def checked(self, *errors: ProviderError) -> list[Reason | None]:
        """What is said of the provider after each of so many checks that fail."""
        self.accounts.errors, said = list(errors), list[Reason | None]()
        world: Any = self
        for _ in range(max(len(errors), 1)):
            self.at += HOUR
            problem = await self.attempt.check(world, self.entry)
            said.append(problem.reason if problem is not None else None)
        return said


DOWN = Unavailable("list the keys: no answer")


async def test_the_third_check_in_a_row_without_an_answer_says_that_the_provider_does_not_work() -> None:
    assert await World().checked(DOWN, DOWN, DOWN) == [None, None, Reason.PROVIDER_UNAVAILABLE]


async def test_a_check_that_is_answered_ends_the_row() -> None:
    world = World()
    assert await world.checked(DOWN, DOWN) == [None, None]
    assert await world.checked() == [None]
    assert await world.checked(DOWN, DOWN) == [None, None]
    assert not world.directory.doubtful("u")


async def test_a_check_for_which_there_is_no_turn_says_nothing_however_often() -> None:
    """The request budget of a day may be used up: what is left of it is for leaks, which need a provider that is
    Ready."""
    world = World()
    assert await world.checked(*[Throttled("list the keys: not sent", None)] * 5) == [None] * 5
    assert not world.directory.doubtful("u")


async def test_a_check_learns_how_many_requests_it_takes() -> None:
    world = World()
    await world.checked()
    assert world.entry.requests == 3
