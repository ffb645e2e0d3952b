"""Settings from which an outage follows are told; those from which none follows are not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from keypool.core.capabilities import Capabilities
from keypool.core.warnings import FOLLOWS, differs
from tests.unit.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    PROVIDER,
    SECOND,
    a_key,
    a_ledger,
    a_pool,
    a_spec,
    concluded,
    seen,
)


def vendor(**abilities: Any) -> Any:
    """A provider that sets expiries and deletes keys, unless said otherwise."""
    return replace(PROVIDER, capabilities=Capabilities(**{"sets_expiry": True, **abilities}))


EXPIRING = vendor()


def told(*keys: Any, provider: Any = EXPIRING, **spec: Any) -> dict[str, str]:
    """The warnings of a pool with this spec: reason to message."""
    pool = a_pool(spec=a_spec(**spec))
    status = concluded(seen(ledger=a_ledger(*(keys or (a_key(0), a_key(1)))), pool=pool, provider=provider))
    return {warning.reason: warning.message for warning in status.warnings or ()}


def test_the_defaults_warn_of_nothing() -> None:
    assert told() == {}
    assert "warnings" not in concluded(seen(a_key(0), a_key(1))).dump()


@pytest.mark.parametrize(
    "rotation",
    [
        {"overlap": {"min": "0s"}},
        {"overlap": {"min": "89s"}},
        {"every": "1m"},
        {"every": "1m", "overlap": {"min": "30s"}},
    ],
)
def test_an_overlap_that_mounted_folders_cannot_follow_is_told_with_what_to_set(rotation: Any) -> None:
    message = told(rotation=rotation)["OverlapTooShort"]
    assert "Set it to 1m30s or more" in message
    assert ("by default" in message) == ("overlap" not in rotation)


def test_an_overlap_of_nothing_says_how_long_pods_may_be_refused() -> None:
    assert "refused for up to 1m30s" in told(rotation={"overlap": {"min": "0s"}})["OverlapTooShort"]


def test_an_overlap_that_mounted_folders_follow_is_not_told() -> None:
    assert told(rotation={"overlap": {"min": "90s"}}) == {}


def test_no_overlap_is_told_where_nothing_revokes_keys() -> None:
    keeps = vendor(deletes_keys=False, creates_keys=True)
    assert told(provider=keeps, rotation={"overlap": {"min": "0s"}}) == {}


def test_nothing_is_told_while_the_provider_is_not_known() -> None:
    assert told(provider=None, rotation={"overlap": {"min": "0s"}}) == {}


@pytest.mark.parametrize(
    ("spec", "warned"),
    [
        ({"key": {"lifetime": "1h"}, "rotation": {"renewBefore": "10s"}}, True),
        ({"key": {"lifetime": "1h"}, "rotation": {"renewBefore": "90s"}}, False),
        ({"key": {"lifetime": "5m"}}, True),
        ({"key": {"lifetime": "48h"}, "rotation": {"renewBefore": "10s"}}, False),
    ],
    ids=["too late", "in time", "by default", "the interval comes first"],
)
def test_a_key_that_expires_before_folders_have_the_next_one_is_told(spec: Any, warned: bool) -> None:
    assert ("RenewalTooLate" in told(**spec)) == warned


def test_where_keys_do_not_expire_by_themselves_no_renewal_is_too_late() -> None:
    spec = {"key": {"lifetime": "1h"}, "rotation": {"renewBefore": "10s"}}
    assert told(provider=vendor(sets_expiry=False), **spec) == {}


@pytest.mark.parametrize(
    ("asked", "granted", "is_told"),
    [
        (30 * DAY, 90 * SECOND, True),
        (30 * DAY, 30 * DAY - MINUTE, False),
        (30 * DAY - HOUR, 30 * DAY, False),
        (30 * DAY, 365 * DAY, True),
        (HOUR, DAY, False),
        (5 * MINUTE, 4 * MINUTE, False),
    ],
)
def test_a_life_is_another_one_than_asked_beyond_rounding_and_clocks(
    asked: timedelta, granted: timedelta, is_told: bool
) -> None:
    assert differs(asked, granted) is is_told


def test_a_shorter_life_than_asked_is_told_with_the_one_in_force() -> None:
    born = NOW - MINUTE
    short = [a_key(slot, created_at=born, granted=born + 90 * SECOND, expires_at=born + 90 * SECOND) for slot in (0, 1)]
    status = concluded(seen(*short, provider=vendor()))
    assert status.effective.granted_lifetime == "1m30s"
    messages = {warning.reason: warning.message for warning in status.warnings}
    assert "asked for 720h (key.lifetime), and the provider lets them live 1m30s" in messages["LifetimeNotGranted"]
    assert "RenewalTooLate" in messages


def test_a_spec_that_asks_for_what_the_provider_grants_is_not_told() -> None:
    key = a_key(0, created_at=NOW, granted=NOW + 100 * HOUR, expires_at=NOW + 100 * HOUR)
    assert told(key, key={"lifetime": "100h"}) == {}


def test_warnings_change_no_condition() -> None:
    pool = a_pool(spec=a_spec(rotation={"overlap": {"min": "0s"}}))
    with_warning, without = concluded(seen(a_key(0), a_key(1), pool=pool)), concluded(seen(a_key(0), a_key(1)))
    assert with_warning.warnings
    assert with_warning.conditions == without.conditions


def test_a_folder_follows_within_a_minute_and_a_half() -> None:
    assert timedelta(seconds=90) == FOLLOWS
