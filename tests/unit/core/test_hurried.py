"""Reports have keys asked about sooner: that neither reaches the threshold in one moment, nor costs ever more."""

from datetime import datetime, timedelta

import pytest

from keypool.core import holders
from keypool.core.actions import ProbeKey
from keypool.core.holders import APART, is_confirmed
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation, heard_since
from keypool.core.plan import plan
from keypool.reconcile.memory import Memory
from tests.unit.core import builders
from tests.unit.core.builders import MINUTE, NOW, SECOND, a_key, a_ledger
from tests.unit.core.test_holders import KEYS, NAME, rejected, seen, state


@pytest.mark.parametrize("threshold", [2, 3])
def test_rejections_that_came_sooner_because_of_reports_do_not_reach_the_threshold_in_one_moment(
    threshold: int,
) -> None:
    """Three of four keys are reported, one a second, and each has the others asked about; the provider lists no keys,
    so no brake holds. The fourth key nobody reports."""
    keys = tuple(a_key(slot) for slot in range(4))
    pool = builders.a_pool(spec=builders.a_spec(size=4, health={"failureThreshold": threshold}))
    memory, now = Memory(), NOW
    for key in keys:
        memory.checked(key.name, NOW - MINUTE, True)
    asked = dict.fromkeys((key.name for key in keys), 0)
    while now < NOW + APART:
        told = {key.name: at for key, at in zip(keys, (NOW, NOW + SECOND, NOW + 2 * SECOND), strict=False) if at <= now}
        o = builders.seen(ledger=a_ledger(*keys), pool=pool, checks=dict(memory.checks), reported=told)
        planned = plan(o, now)
        assert [key.name for key in planned.ledger.keys if key.state is not KeyState.ACTIVE] == []
        for action in planned.actions:
            if isinstance(action, ProbeKey):
                asked[action.name] += 1
                memory.checked(action.name, now + SECOND / 10, False, asked=now)
        now += SECOND / 20
    assert min(asked.values()) >= 1
    assert max(asked.values()) >= 2


@pytest.mark.parametrize(("apart", "withdrawn"), [(4 * SECOND, False), (APART, True)])
def test_a_key_that_was_asked_about_for_others_goes_once_it_was_rejected_for_five_seconds(
    apart: timedelta, withdrawn: bool
) -> None:
    at = NOW + apart
    assert state(seen(rejected(at, 3, NOW), reported=None), at) is (
        KeyState.WITHDRAWN if withdrawn else KeyState.ACTIVE
    )


def test_a_threshold_of_one_is_reached_by_one_rejection_as_ever() -> None:
    pool = builders.a_pool(spec=builders.a_spec(health={"failureThreshold": 1}))
    o = builders.seen(ledger=a_ledger(*KEYS), pool=pool, checks={NAME: rejected(NOW)}, reported={NAME: NOW})
    assert state(o, NOW) is KeyState.WITHDRAWN


def test_a_key_that_is_rejected_before_and_after_the_brake_let_go_is_proven_dead_five_seconds_later() -> None:
    memory, released = Memory(), NOW + SECOND / 2
    for seconds in (0, 1, 6):
        memory.checked(NAME, NOW + seconds * SECOND, False, released=released if seconds else None)
        heard = heard_since(memory.checks, released)
        assert is_confirmed(seen(heard[NAME]), KEYS[0]) is (seconds == 6)


def test_the_cost_of_a_pass_grows_with_the_keys_that_are_reported_and_not_with_their_square(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each look for a witness goes through all keys of the pool."""
    looks, look = list[str](), holders._witness

    def counted(o: Observation, key: KeyRecord, first: datetime) -> Checked | None:
        looks.append(key.name)
        return look(o, key, first)

    monkeypatch.setattr(holders, "_witness", counted)
    keys = tuple(a_key(slot) for slot in range(40))
    checks = {key.name: rejected(NOW, 2) for key in keys}
    told = {key.name: NOW - MINUTE for key in keys}
    pool = builders.a_pool(spec=builders.a_spec(size=len(keys)))
    plan(builders.seen(ledger=a_ledger(*keys), pool=pool, checks=checks, reported=told), NOW)
    assert len(looks) <= 10 * len(keys)
