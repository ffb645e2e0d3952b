"""What of the cluster is in sight: what is refused, absent or missing waits alone and is named; the rest goes on."""

import asyncio
import logging

import pytest

from keypool.cluster.cache import Kind, watched
from keypool.watch.liveness import STALE, Liveness
from tests.waiting import within

KINDS = watched(("a", "b"))


class Times:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def seen(liveness: Liveness, place: str | None, kinds: tuple[Kind, ...] = KINDS) -> None:
    """All watches of this place are alive."""
    for kind in kinds:
        liveness.mark(kind, place)


async def begins(liveness: Liveness, patience: float = 3600.0, *, secrets: bool = True) -> bool:
    """Whether work may begin now."""
    waiting = asyncio.ensure_future(liveness.begin(patience, secrets=secrets))
    for _ in range(5):
        await asyncio.sleep(0)
    if not (done := waiting.done()):
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    return done


async def test_work_begins_when_all_is_in_sight_or_refused() -> None:
    liveness = Liveness(("a", "b"))
    assert not await begins(liveness)
    seen(liveness, "a")
    assert not await begins(liveness), "b may come any moment"
    liveness.refuse(Kind.SECRET, "b", "403")
    assert await begins(liveness)
    assert (liveness.sees("a"), liveness.sees("b")) == (True, False)
    assert not liveness.complete.is_set()


async def test_what_needs_no_list_of_secrets_begins_when_all_else_is_in_sight() -> None:
    liveness = Liveness(("a", "b"))
    seen(liveness, "a", (Kind.POOL, Kind.PROVIDER))
    assert not await begins(liveness, secrets=False), "b may come any moment"
    liveness.refuse(Kind.POOL, "b", "403")
    assert await begins(liveness, secrets=False)
    assert not await begins(liveness)
    assert (liveness.sees_claims("a"), liveness.sees("a")) == (True, False)
    assert not liveness.sees_claims("b")
    assert not liveness.sees_claims("elsewhere")


async def test_one_that_keeps_silent_is_not_waited_for_without_end() -> None:
    liveness = Liveness(("a", "b"))
    seen(liveness, "a")
    await within(liveness.begin(0.01), 60)
    assert not liveness.sees("b")


async def test_nothing_begins_while_nothing_is_in_sight() -> None:
    liveness = Liveness(("a",))
    liveness.refuse(Kind.POOL, "a", "403")
    assert not await begins(liveness, 0.0)


def test_a_refused_namespace_is_told_once_and_named_while_the_others_are_ready(
    caplog: pytest.LogCaptureFixture,
) -> None:
    liveness = Liveness(("a", "b"))
    seen(liveness, "a")
    with caplog.at_level(logging.INFO, "keypool"):
        for kind in KINDS * 3:
            liveness.refuse(kind, "b", "403")
    assert len(caplog.records) == 1
    assert liveness.complaints() == []
    assert liveness.notes() == [f"namespace b: refused, {KINDS[0]}: 403"]
    assert (liveness.is_served("a"), liveness.is_served("b")) == (True, False)
    seen(liveness, "b")
    assert liveness.notes() == []
    assert liveness.is_served("b")


def test_where_everything_is_refused_nothing_is_well() -> None:
    liveness = Liveness(("a", "b"))
    for place in ("a", "b"):
        liveness.refuse(Kind.POOL, place, "403")
    assert "namespace a: refused, apikeypools: 403" in liveness.complaints()
    assert "namespace b: refused, apikeypools: 403" in liveness.complaints()


def test_a_namespace_that_comes_into_sight_later_is_looked_at_then() -> None:
    liveness, came = Liveness(("a", "b")), list[str | None]()
    liveness.on_sight = came.append
    seen(liveness, "a")
    seen(liveness, "a")
    liveness.refuse(Kind.SECRET, "a", "403")
    seen(liveness, "b")
    liveness.mark(Kind.SECRET, "a")
    assert came == ["a", "b", "a"]


def test_a_namespace_that_is_not_served_is_never_in_sight() -> None:
    liveness = Liveness(("a",))
    seen(liveness, "a")
    assert not liveness.sees("elsewhere")
    assert not liveness.serves("elsewhere")
    assert not liveness.sees_all(), "what is not known may be elsewhere"


def test_without_the_kind_of_providers_pools_are_looked_at_all_the_same() -> None:
    liveness = Liveness()
    liveness.set_absent({Kind.PROVIDER, Kind.CLUSTER_PROVIDER})
    seen(liveness, None, (Kind.POOL, Kind.SECRET))
    assert liveness.sees("anywhere")
    assert liveness.complaints() == []
    assert not liveness.sees_all(), "a provider that is not known may come back with its kind"
    assert liveness.notes() == [
        "kind clusterkeyproviders: not installed, apply its CRD",
        "kind keyproviders: not installed, apply its CRD",
    ]
    liveness.set_absent(())
    assert not liveness.sees("anywhere"), "until they are listed"


def test_without_the_kind_of_pools_nothing_is_in_sight() -> None:
    """Else each ledger would look as if its pool had been deleted."""
    liveness = Liveness()
    liveness.set_absent({Kind.POOL})
    seen(liveness, None, (Kind.PROVIDER, Kind.CLUSTER_PROVIDER, Kind.SECRET))
    assert not liveness.sees("anywhere")
    assert liveness.complaints() == ["kind apikeypools: not installed, apply its CRD"]


def test_a_namespace_that_does_not_exist_is_told(caplog: pytest.LogCaptureFixture) -> None:
    liveness = Liveness(("a", "b"))
    seen(liveness, "a")
    seen(liveness, "b")
    for _ in range(3):
        liveness.set_missing({"b"})
    assert [record.getMessage() for record in caplog.records] == ["a namespace to serve does not exist; waiting for it"]
    assert liveness.notes() == ["namespace b: does not exist"]
    assert not liveness.is_served("b")


def test_a_list_of_the_resync_is_sight_and_no_sign_of_a_watch() -> None:
    clock = Times()
    liveness = Liveness(("a",), clock)
    clock.now += 500
    assert liveness.blind_for() == 500
    liveness.listed(Kind.POOL, "a")
    assert liveness.blind_for() == 0
    assert liveness.ages()[Kind.POOL] is None


def test_why_the_watches_ended_is_told_until_one_is_alive() -> None:
    clock = Times()
    liveness = Liveness(("a",), clock)
    liveness.trouble = "builtins.KeyError at peering.py:281"
    assert liveness.complaints()[-1] == "the watches ended: builtins.KeyError at peering.py:281"
    seen(liveness, "a")
    assert liveness.complaints() == []
    clock.now += STALE + 1
    assert liveness.complaints() == [f"watch of {kind}: silent for {STALE + 1:.0f} s" for kind in KINDS]
