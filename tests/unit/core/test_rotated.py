"""status.lastRotation: from the ledger alone, so that it is the same after a restart; and true to the end."""

from datetime import timedelta
from typing import Any

import pytest

from keypool.core.capabilities import Capabilities
from keypool.core.ledger import dump, load
from tests.unit.core.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_key, a_ledger, a_pool, a_spec, concluded, seen
from tests.unit.core.world import World, a_world

VENDOR = Capabilities(lists_names=True, sets_expiry=True, listing_lag=5 * SECOND, activation_lag=5 * SECOND)


def rotated(**spec: Any) -> World:
    """A pool of one key that was asked to rotate an hour after it was made, and did."""
    world = a_world(VENDOR)
    world.pool = a_pool(has_finalizer=False, spec=a_spec(size=1, **spec))
    world.reconcile()
    world.pass_time(HOUR)
    world.edit(rotate="now")
    world.reconcile()
    world.pass_time(10 * SECOND)
    return world


def last(world: World) -> Any:
    """What the status says of the last rotation."""
    assert world.status is not None
    return world.status.last_rotation


def test_a_pool_that_never_rotated_says_nothing_of_a_last_rotation() -> None:
    world = a_world(VENDOR)
    world.reconcile()
    world.pass_time(MINUTE)
    assert world.ready()
    assert last(world) is None
    assert "lastRotation" not in world.status.dump()  # type: ignore[union-attr]


def test_a_rotation_is_in_the_status_with_both_fingerprints_its_cause_and_the_end_of_the_old_key() -> None:
    world = rotated()
    old, new = world.ledger.keys
    assert new.published_at is not None
    assert last(world).dump() == {
        "at": f"{new.published_at:%Y-%m-%dT%H:%M:%SZ}",
        "slot": 0,
        "reason": "requested",
        "newFingerprint": new.print,
        "oldFingerprint": old.print,
        "oldKeyWorksUntil": f"{new.published_at + 10 * MINUTE:%Y-%m-%dT%H:%M:%SZ}",
    }


def test_the_last_rotation_stays_after_the_old_key_is_gone_and_after_a_restart() -> None:
    world = rotated()
    before = last(world)
    world.pass_time(HOUR)
    assert len(world.ledger.keys) == 1
    assert last(world) == before
    again = seen(ledger=load(dump(world.ledger)), pool=world.pool)
    assert concluded(again).last_rotation == before


def test_an_overlap_that_was_made_longer_moves_the_end_of_the_old_key() -> None:
    world = rotated()
    began = last(world).at
    world.edit(spec=a_spec(size=1, rotation={"overlap": {"min": "1h"}}))
    world.reconcile()
    assert last(world).old_key_works_until == began + HOUR
    world.pass_time(2 * HOUR)
    assert len(world.ledger.keys) == 1
    assert last(world).old_key_works_until == began + HOUR


@pytest.mark.parametrize(("lifetime", "overlap", "works"), [("30m", "25m", 3 * MINUTE), ("30m", "1m", MINUTE)])
def test_an_old_key_works_no_longer_than_until_it_expires(lifetime: str, overlap: str, works: timedelta) -> None:
    world = a_world(VENDOR)
    world.overlap = timedelta(0)
    spec = a_spec(size=1, key={"lifetime": lifetime}, rotation={"every": "24h", "overlap": {"min": overlap}})
    world.pool = a_pool(has_finalizer=False, spec=spec)
    world.reconcile()
    world.pass_time(27 * MINUTE + 20 * SECOND)
    assert last(world).reason == "expiry"
    assert timedelta(0) <= works - (last(world).old_key_works_until - last(world).at) <= 20 * SECOND


def test_no_value_stands_in_what_is_kept_of_a_rotation() -> None:
    world = rotated()
    assert world.ledger.last_rotation is not None
    values = [key.value.get_secret_value() for key in world.ledger.keys if key.value is not None]
    assert not any(value in world.ledger.last_rotation.model_dump_json() for value in values)


def test_a_ledger_that_never_saw_a_rotation_has_no_word_of_it() -> None:
    text = dump(a_ledger(a_key(0, expires_at=NOW + DAY)))
    assert "last_rotation" not in text
    assert "replaces" not in text
