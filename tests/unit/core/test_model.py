"""Whatever happens in whatever order: no key is lost, none is revoked too early, and the pool finds its rest.

Random events (time, edits, requests, faults, crashes at every step, tampering, deletion) run against the model in
`world`, which checks itself at every step; here it is checked where it ends up.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from keypool.core.capabilities import Capabilities
from keypool.core.fingerprint import fingerprint
from keypool.core.lifecycle import KeyState
from tests.unit.core.builders import HOUR, MINUTE, SECOND, a_pool, a_spec, a_view
from tests.unit.core.performing import change, delete
from tests.unit.core.vendor import VendorKey
from tests.unit.core.world import World, a_world

LAGS: Any = {"activation_lag": 5 * SECOND, "listing_lag": 5 * SECOND}
NAMELESS = Capabilities(sets_scopes=True, sets_rate_limit=True, **LAGS)
NAMING = replace(NAMELESS, lists_names=True)
SHOWING = replace(NAMELESS, lists_inactive=True)
SPEC = a_spec(key={"lifetime": "24h"}, rotation={"every": "6h"}, health={"probeEvery": "2h"})

FAULTS = {
    "create": ("lost", "lost before", "throttled", "refused", "down", "unreadable"),
    "probe": ("lost", "down", "throttled"),
    "revoke": ("lost", "down", "refused", "throttled"),
    "list": ("down", "lost"),
}

seconds = st.sampled_from([1, 3, 20, 60, 300, 700, 3600, 4 * 3600, 7 * 3600])
EVENTS = st.one_of(
    st.tuples(st.just("time"), seconds),
    st.tuples(st.just("size"), st.integers(1, 4)),
    st.tuples(st.just("scopes"), st.sampled_from(["chat", "embed"])),
    st.tuples(st.just("suspend"), st.booleans()),
    st.tuples(st.just("rotate"), st.integers(1, 3)),
    st.tuples(st.just("compromise"), st.integers(0, 3)),
    st.tuples(st.just("kill"), st.integers(0, 5)),
    st.tuples(st.just("vanish"), st.integers(0, 5)),
    st.tuples(st.just("reject all"), st.booleans()),
    st.tuples(st.just("tamper"), st.sampled_from(["delete", "edit", "old value"])),
    st.sampled_from([("fault", call, kind) for call, kinds in FAULTS.items() for kind in kinds]),
    st.tuples(st.just("cluster"), st.sampled_from([1, 3, 12])),
    st.tuples(st.just("crash"), st.integers(1, 12)),
    st.tuples(st.just("provider down"), st.booleans()),
)


def happen(world: World, event: tuple[Any, ...]) -> None:
    """Lets one event happen, then the operator look at the pool."""
    kind, *rest = event
    _HAPPENINGS[kind](world, *rest)
    world.reconcile()


def _compromise(world: World, index: int) -> None:
    names = [key.name for key in world.ledger.keys]
    world.edit(compromised=names[index % len(names)] if names else None)


def _kill(world: World, index: int) -> None:
    ours = [key for key in world.vendor.keys.values() if not key.foreign]
    if ours:
        ours[index % len(ours)].active = False


def _vanish(world: World, index: int) -> None:
    ours = [handle for handle, key in world.vendor.keys.items() if not key.foreign]
    if ours:
        del world.vendor.keys[ours[index % len(ours)]]


def _tamper(world: World, how: str) -> None:
    if "web" not in world.secrets:
        return
    secret, _ = world.secrets["web"]
    if how == "delete":
        del world.secrets["web"]
    else:
        old = [key.value for key in world.ledger.inside(KeyState.DRAINING) if key.value is not None]
        value = old[0].get_secret_value() if old and how == "old value" else "nonsense"
        changed = replace(secret, data={**secret.data, "apiKey": value})
        world.secrets["web"] = (changed, a_view(changed))
    world.note_published()


_HAPPENINGS: dict[str, Any] = {
    "time": lambda world, duration: world.pass_time(timedelta(seconds=duration)),
    "size": lambda world, size: change(world, size=size),
    "scopes": lambda world, scope: change(world, key=SPEC.key.model_copy(update={"scopes": (scope,)})),
    "suspend": lambda world, suspend: change(world, suspend=suspend),
    "rotate": lambda world, token: world.edit(rotate=str(token)),
    "compromise": _compromise,
    "kill": _kill,
    "vanish": _vanish,
    "reject all": lambda world, on: setattr(world.vendor, "rejects_all", on),
    "tamper": _tamper,
    "fault": lambda world, call, kind: world.vendor.faults[call].append(kind),
    "cluster": lambda world, count: setattr(world, "cluster_faults", count),
    "crash": lambda world, steps: setattr(world, "steps_to_crash", steps),
    "provider down": lambda world, down: setattr(world, "provider_down", down),
    "delete": delete,
}


def begin(capabilities: Capabilities, *, exclusive: bool = False, started: bool = True) -> World:
    """A pool in a healthy world, before its first pass, beside somebody else's key unless the account is ours alone."""
    world = a_world(capabilities)
    world.exclusive = exclusive
    world.pool = a_pool(has_finalizer=False, spec=SPEC)
    far = world.now + timedelta(days=3650)
    if not exclusive:
        world.vendor.keys["theirs"] = VendorKey("theirs", "sk-theirs", world.now, far, foreign=True)
    if started:
        world.reconcile()
    return world


def calm(world: World) -> None:
    """All faults end, somebody asks for what lifts the stops, and time passes."""
    world.vendor.faults.clear()
    world.cluster_faults, world.steps_to_crash, world.provider_down = 0, None, False
    world.vendor.rejects_all = False
    change(world, suspend=False)
    world.pass_time(MINUTE)
    world.edit(rotate="the end")
    world.reconcile()
    world.pass_time(7 * HOUR)
    for _ in range(10):
        if world.ledger.inside(KeyState.CREATED, KeyState.REVOKING):
            world.pass_time(MINUTE)


def bounded(examples: int) -> settings:
    """The same examples in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )


@bounded(40)
@given(events=st.lists(EVENTS, max_size=14))
def test_a_pool_finds_its_rest_after_anything(events: Any) -> None:
    world = begin(NAMING)
    for event in events:
        happen(world, event)
    calm(world)
    assert world.ready(), world.status
    assert {key.state for key in world.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING}
    size = world.observe().spec.size
    assert {key.slot for key in world.ledger.inside(KeyState.ACTIVE)} == set(range(size))
    assert world.live() == {key.name for key in world.ledger.keys}, "nothing lives upstream that is not in the ledger"
    active = {key.print for key in world.ledger.inside(KeyState.ACTIVE)}
    assert {fingerprint(SecretStr(value)) for value in world.shown()} == active


@bounded(12)
@given(events=st.lists(EVENTS, max_size=14))
def test_where_names_are_not_listed_a_lost_key_is_held_and_never_lost(events: Any) -> None:
    world = begin(NAMELESS)
    for event in events:
        happen(world, event)
    calm(world)
    allowed = {KeyState.ACTIVE, KeyState.DRAINING, KeyState.WITHDRAWN, KeyState.HELD}
    assert {key.state for key in world.ledger.keys} <= allowed
    world.pass_time(timedelta(days=2, hours=2))
    assert {key.state for key in world.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING}
    assert world.ready(), "after the longest life of a lost key its slot is free again"


@bounded(20)
@given(events=st.lists(EVENTS, max_size=14))
def test_a_listing_that_shows_every_key_frees_slots_and_forgets_no_key_that_lives(events: Any) -> None:
    world = begin(SHOWING)
    for event in events:
        happen(world, event)
    calm(world)
    world.pass_time(timedelta(days=2, hours=2))
    assert {key.state for key in world.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING}
    assert world.ready()


@pytest.mark.parametrize("kind", ["lost", "lost before"])
@pytest.mark.parametrize("capabilities", [NAMELESS, SHOWING], ids=["held", "shown absent"])
@pytest.mark.parametrize("losses", [1, 2])
def test_a_short_trouble_stops_no_slot_whose_old_key_works(losses: int, capabilities: Any, kind: str) -> None:
    """The provider answers nothing for a moment, in which each try would be lost."""
    world = begin(capabilities)
    world.pass_time(10 * MINUTE)
    world.vendor.faults["create"].extend([kind] * losses)
    world.edit(rotate="now")
    world.reconcile()
    first = len(world.vendor.created)
    world.pass_time(10 * SECOND)
    assert len(world.vendor.created) == first, "the second try waits until the provider has answered"
    world.pass_time(20 * MINUTE)
    assert not world.vendor.faults["create"]
    if (capabilities, kind) == (SHOWING, "lost before"):
        assert not world.ledger.inside(KeyState.HELD)
    stopped = [c.reason for c in (world.status.conditions if world.status else ()) if c.type == "Stalled"]
    assert stopped == [] or (losses, kind) == (2, "lost") or capabilities is NAMELESS
    assert world.ready()


@pytest.mark.parametrize("losses", [2, 3])
def test_a_pool_of_one_key_gets_one_more_try_before_its_last_key_ends(losses: int) -> None:
    world = begin(NAMELESS)
    change(world, size=1)
    world.pass_time(10 * MINUTE)
    world.vendor.faults["create"].extend(["lost before"] * losses)
    world.pass_time(timedelta(hours=24))
    served = {key.name for key in world.ledger.inside(KeyState.ACTIVE)}
    assert bool(served) == (losses == 2)
    assert len(world.ledger.inside(KeyState.HELD)) <= 3


def test_many_pools_whose_answers_were_lost_make_no_storm_when_the_provider_is_well_again() -> None:
    """Sixty pools lose the answer of a slot's call, then of the other slot's; each slot's next one waits its minute."""
    worlds = [begin(NAMELESS) for _ in range(60)]
    for number, world in enumerate(worlds):
        world.entropy = 1000 * number
        world.pass_time(10 * MINUTE)
        world.vendor.faults["create"].extend(["lost before"] * 2)
        world.edit(rotate="now")
        world.reconcile()
    made = [len(world.vendor.created) for world in worlds]
    for world in worlds:
        world.pass_time(55 * SECOND)
    soon = [len(world.vendor.created) - before for world, before in zip(worlds, made, strict=True)]
    assert max(soon) <= 1, "the other slot's"
    for world in worlds:
        world.pass_time(30 * MINUTE)
    after = [len(world.vendor.created) - before for world, before in zip(worlds, made, strict=True)]
    assert max(after) <= 3, "the other slot's, and each slot once more"
    assert all(world.ready() for world in worlds)


@bounded(20)
@given(events=st.lists(EVENTS, max_size=14))
def test_in_an_account_that_is_ours_alone_no_key_is_held_for_long(events: Any) -> None:
    world = begin(NAMELESS, exclusive=True)
    for event in events:
        happen(world, event)
    calm(world)
    assert world.ready(), world.status
    assert {key.state for key in world.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING}
    assert world.live() == {key.name for key in world.ledger.keys}


@bounded(40)
@given(
    events=st.lists(EVENTS, max_size=8),
    policy=st.sampled_from(["Revoke", "RevokeAndWait"]),
    later=st.lists(EVENTS, max_size=5),
)
def test_a_deleted_pool_goes_and_leaves_no_live_key(events: Any, policy: Any, later: Any) -> None:
    world = begin(NAMING)
    for event in (*events, ("delete", policy), *later):
        happen(world, event)
    if policy == "Revoke":
        world.pass_time(30 * MINUTE)  # a cluster that fails twelve times in a row is asked again after 5 minutes
        assert world.pool is None or world.cluster_faults, "deletion never hangs"
    calm(world)
    world.pass_time(timedelta(days=2))
    assert world.pool is None
    assert world.dropped, world.ledger.keys
    assert not world.live()


@pytest.mark.parametrize("steps", range(1, 30, 2))
def test_a_crash_at_any_step_of_first_creation_and_rotation_is_resumed(steps: Any) -> None:
    world = begin(NAMING)
    world.pass_time(10 * SECOND)
    world.steps_to_crash = steps
    world.pass_time(7 * HOUR)
    reference = begin(NAMING)
    reference.pass_time(7 * HOUR + 10 * SECOND)
    for each in (world, reference):
        assert each.ready()
        assert {key.state for key in each.ledger.keys} <= {KeyState.ACTIVE, KeyState.DRAINING}
        assert each.live() == {key.name for key in each.ledger.keys}
    assert len(world.vendor.created) - len(reference.vendor.created) <= 1
