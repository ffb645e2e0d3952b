"""When keypool asks by itself whether a provider still takes the admin credential."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from keypool.api.provider_budget import RequestBudget
from keypool.reconcile.attempt import CHECK, is_to_be_checked
from tests.unit.core.builders import NOW

HOUR = timedelta(hours=1)


def an_entry(ago: timedelta | None, *, trusted: bool = True, lists: bool = True, listed: int = 3) -> Any:
    """A provider object whose credential was taken so long ago; None for never."""
    provider = SimpleNamespace(capabilities=SimpleNamespace(lists_keys=lists))
    accepted = NOW - ago if ago is not None else None
    return SimpleNamespace(trusted=trusted, provider=provider, accepted=accepted, listed=listed)


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
