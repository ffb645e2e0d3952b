"""The arithmetic of spending limits: periods, slots, what a rotated key had left, and what stays counted."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.ledger import Spending
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.limits import SpendLimit, Usage
from keypool.core.spending import (
    begun_anew,
    crossed,
    departed,
    fraction,
    limit_of,
    next_reset,
    period_start,
    spent_in_slot,
    total,
    turned,
)
from tests.unit.core.builders import DAY, NOW, a_key, a_ledger

D = KeyState.DRAINING

TUESDAY = NOW
DAILY = SpendLimit(Decimal(10), "Daily")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)


def used(**spend: float | str) -> dict[str, Usage]:
    """What keys spent, by name."""
    return {name: Usage(Decimal(str(amount)), 10) for name, amount in spend.items()}


@pytest.mark.parametrize(
    ("period", "start", "reset"),
    [
        ("Daily", "2026-11-24", "2026-11-25"),
        ("Weekly", "2026-11-23", "2026-11-30"),
        ("Monthly", "2026-11-01", "2026-12-01"),
    ],
)
def test_periods_begin_at_midnight_utc_on_mondays_and_on_the_first(period: Any, start: str, reset: str) -> None:
    assert period_start(period, TUESDAY) == datetime.fromisoformat(f"{start}T00:00Z")
    assert next_reset(period, TUESDAY) == datetime.fromisoformat(f"{reset}T00:00Z")


def test_a_limit_without_period_never_resets() -> None:
    assert (period_start(None, TUESDAY), next_reset(None, TUESDAY)) == (None, None)


@given(st.integers(0, 2**31), st.sampled_from(["Daily", "Weekly", "Monthly"]))
def test_every_moment_lies_in_one_period(seconds: int, period: Any) -> None:
    now = datetime.fromtimestamp(seconds, UTC)
    start, reset = period_start(period, now), next_reset(period, now)
    assert start is not None
    assert reset is not None
    assert start <= now < reset
    assert period_start(period, reset) == reset
    assert next_reset(period, start) == reset


def test_keys_of_a_slot_share_its_limit_also_those_that_drain_and_those_that_are_gone() -> None:
    ledger = a_ledger(
        a_key(0, name="a"), a_key(0, D, name="old"), a_key(1, name="b"), spending=Spending(departed={0: Decimal(1)})
    )
    assert spent_in_slot(ledger, used(a=2, old=3, b=100), 0) == 6


def test_what_was_spent_before_the_period_does_not_count() -> None:
    ledger = a_ledger(a_key(0, name="a", spent_before=Decimal(7)))
    assert spent_in_slot(ledger, used(a=9), 0) == 2


def test_with_the_next_period_all_counts_anew() -> None:
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT - DAY, departed={0: Decimal(4)}))
    today = turned(ledger, "Daily", used(a=9), NOW)
    assert (today.spending.period, today.spending.departed) == (MIDNIGHT, {})
    assert spent_in_slot(today, used(a=9.5), 0) == Decimal("0.5")


def test_within_a_period_nothing_is_written() -> None:
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT))
    assert turned(ledger, "Daily", used(a=9), NOW) is ledger


def test_a_period_does_not_turn_before_it_is_known_what_every_key_spent() -> None:
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT - DAY))
    assert turned(ledger, "Daily", {}, NOW) is ledger


def test_a_new_key_gets_what_its_slot_has_left_and_all_in_the_next_period() -> None:
    key = a_key(0, carried=Decimal(6), carried_in=MIDNIGHT)
    assert limit_of(DAILY, key, NOW) == SpendLimit(Decimal(4), "Daily")
    assert limit_of(DAILY, key, NOW + DAY) == DAILY


def test_a_limit_without_period_is_carried_for_ever() -> None:
    key, limit = a_key(0, carried=Decimal(6)), SpendLimit(Decimal(10))
    assert limit_of(limit, key, NOW + 400 * DAY) == SpendLimit(Decimal(4))


def test_a_used_up_slot_gets_a_key_that_may_spend_a_cent_because_nothing_would_mean_no_limit() -> None:
    assert limit_of(DAILY, a_key(0, carried=Decimal(11), carried_in=MIDNIGHT), NOW) == SpendLimit(
        Decimal("0.01"), "Daily"
    )


def test_a_shared_limit_is_kept_upstream_and_never_carried() -> None:
    shared = SpendLimit(Decimal(10), "Daily", shared=True)
    assert limit_of(shared, a_key(0, carried=Decimal(6), carried_in=MIDNIGHT), NOW) is shared


@given(st.lists(st.decimals(0, 3, places=2), min_size=1, max_size=30))
def test_rotating_within_a_period_adds_no_budget(spends: list[Decimal]) -> None:
    """Each key spends what it likes within its own limit, and is then replaced at once."""
    ledger, allowed = a_ledger(spending=Spending(period=MIDNIGHT)), Decimal(0)
    for number, wish in enumerate(spends):
        carried = spent_in_slot(ledger, {}, 0)
        key = a_key(0, name=f"k{number}", carried=carried, carried_in=MIDNIGHT)
        limit = limit_of(DAILY, key, NOW)
        assert limit
        spend = min(wish, limit.amount)
        allowed += spend
        ledger = ledger.model_copy(update={"keys": (key,)})
        ledger = departed(ledger, key, {key.name: Usage(spend)}).model_copy(update={"keys": ()})
    assert allowed <= DAILY.amount + len(spends) * Decimal("0.01")
    assert spent_in_slot(ledger, {}, 0) == allowed


def counted(spend: float | str, window_ends: datetime, name: str = "a") -> dict[str, Usage]:
    """What a provider tells that begins to count anew with each window."""
    return {name: Usage(Decimal(str(spend)), window_ends=window_ends)}


TOMORROW = MIDNIGHT + DAY


@pytest.mark.parametrize("late", [timedelta(0), timedelta(minutes=7)], ids=["at midnight", "minutes late"])
def test_a_provider_that_begins_to_count_anew_hides_nothing_of_what_is_spent_in_the_period(late: timedelta) -> None:
    """4.60 yesterday, 4.90 today: of 5 dollars 0.10 are left, however late the counter went back to 0."""
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT - DAY))
    ledger = turned(ledger, "Daily", counted(4.6, MIDNIGHT), NOW)
    assert spent_in_slot(ledger, counted(4.6, MIDNIGHT), 0) == 0, "it was to be set back at midnight, and is late"
    if late:
        assert spent_in_slot(ledger, counted("4.65", MIDNIGHT), 0) == Decimal("0.05")
    assert spent_in_slot(ledger, counted(0, TOMORROW), 0) == 0
    today = counted(4.9, TOMORROW)
    assert spent_in_slot(ledger, today, 0) == Decimal("4.9")
    assert fraction(ledger, SpendLimit(Decimal(5), "Daily"), 1, today) == Decimal("0.98")
    assert total(ledger, today) == Usage(Decimal("9.5"))
    gone = departed(ledger, ledger.keys[0], today)
    assert gone.spending.departed == {0: Decimal("4.9")}
    assert gone.spending.spend == Decimal("9.5")


@pytest.mark.parametrize("hours", [5, 16])
def test_a_window_that_ends_at_midnight_somewhere_else_counts_whole_while_it_runs(hours: int) -> None:
    """Whatever of it was spent before midnight UTC: else a rotation would grant it once more in the same window."""
    ends = MIDNIGHT + timedelta(hours=hours)
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT - DAY))
    ledger = turned(ledger, "Daily", counted(4.6, ends), NOW)
    assert spent_in_slot(ledger, counted(4.9, ends), 0) == Decimal("4.9")
    assert spent_in_slot(ledger, counted(0.2, ends + DAY), 0) == Decimal("0.2")


@pytest.mark.parametrize("hours", [0, 5, 16])
@pytest.mark.parametrize("on_time", [True, False])
def test_what_a_key_spent_ever_never_goes_back_whenever_its_windows_end(hours: int, *, on_time: bool) -> None:
    """Prometheus takes a total that went back for a restart, and counts all of it once more. `on_time`: the period is
    turned at midnight, else with the first reading of the next window."""
    ledger, told = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT - DAY)), list[Decimal]()
    before = counted(1, MIDNIGHT + timedelta(hours=hours))
    for day in range(5):
        midnight, ends = MIDNIGHT + day * DAY, MIDNIGHT + day * DAY + timedelta(hours=hours)
        for after in (counted(4.6, ends), counted(4.65, ends), counted(0.2, ends + DAY), counted(1, ends + DAY)):
            ledger, before = begun_anew(ledger, "a", before["a"], after["a"]), after
            if on_time or after["a"].window_ends != ends:
                ledger = turned(ledger, "Daily", before, midnight)
            known = total(ledger, before)
            assert known is not None
            assert known.spend is not None
            told.append(known.spend)
    assert told == sorted(told)
    assert abs(told[-1] - (5 * Decimal("4.65") + 1)) <= 5 * Decimal("0.05")


def test_a_window_that_was_only_begun_anew_by_a_change_is_counted_once() -> None:
    ledger = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT))
    before, after = counted(3, TOMORROW)["a"], counted(3, TOMORROW + DAY)["a"]
    assert begun_anew(ledger, "a", before, after) is ledger


def test_over_many_windows_nothing_is_counted_twice_or_forgotten() -> None:
    ledger, ever = a_ledger(a_key(0, name="a"), spending=Spending(period=MIDNIGHT)), Decimal(0)
    for day in range(40):
        start = MIDNIGHT + day * DAY
        ledger = turned(ledger, "Daily", counted(0 if not day else 3, start), start)
        used = counted(3, start + DAY)
        ever += 3
        assert spent_in_slot(ledger, used, 0) == 3
        assert total(ledger, used) == Usage(ever)


def test_a_counter_that_went_back_and_tells_no_window_counts_whole() -> None:
    ledger = a_ledger(a_key(0, name="a", spent_before=Decimal("4.6")), spending=Spending(period=MIDNIGHT))
    assert spent_in_slot(ledger, used(a="1.5"), 0) == Decimal("1.5")
    assert spent_in_slot(turned(ledger, "Daily", used(a="1.5"), NOW + DAY), used(a="1.5"), 0) == 0


def test_a_pool_remembers_what_keys_that_are_gone_were_used_for() -> None:
    key = a_key(0, D, name="old")
    ledger = departed(a_ledger(key, a_key(0, name="new")), key, used(old=3))
    ledger = ledger.advance("old", Evidence.UNNEEDED).advance("old", Evidence.REVOKED)
    assert total(ledger, used(new=2)) == Usage(Decimal(5), 20)


def test_a_total_is_not_told_while_a_published_key_was_not_read_yet() -> None:
    assert total(a_ledger(a_key(0, name="a"), a_key(1, name="b")), used(a=1)) is None


def test_what_the_provider_does_not_tell_is_not_made_up() -> None:
    assert total(a_ledger(a_key(0, name="a")), {"a": Usage(requests=3)}) == Usage(None, 3)


def test_the_fraction_is_that_of_the_slot_that_spent_most() -> None:
    ledger = a_ledger(a_key(0, name="a"), a_key(1, name="b"))
    assert fraction(ledger, DAILY, 2, used(a=2, b=8)) == Decimal("0.8")
    assert fraction(ledger, SpendLimit(Decimal(10), shared=True), 2, used(a=2, b=8)) == 1


@pytest.mark.parametrize(("part", "percent"), [("0.79", None), ("0.8", 80), ("0.99", 80), ("1", 100), ("1.5", 100)])
def test_the_highest_percentage_that_is_reached_counts(part: str, percent: int | None) -> None:
    assert crossed(Decimal(part), (100, 80)) == percent


def test_a_month_has_its_own_length() -> None:
    assert next_reset("Monthly", datetime(2026, 2, 28, tzinfo=UTC)) == datetime(2026, 3, 1, tzinfo=UTC)
    assert next_reset("Monthly", datetime(2026, 1, 31, tzinfo=UTC) + timedelta(hours=3)) == datetime(
        2026, 2, 1, tzinfo=UTC
    )
