"""The budget of memory for answers: shared by namespaces, large listings in turns, whoever holds most gives way."""

import asyncio
import gc
import tracemalloc

import pytest

from keypool.core.reasons import Reason
from keypool.providers import answers as limits
from keypool.providers.answers import LARGE, MIB, MOST, SMALL, Answers, weight
from keypool.providers.errors import PutOff, TooLarge
from keypool.providers.protocol import ListedKey
from keypool.reconcile.accounts import _Memory
from keypool.reconcile.proving import problem_of
from tests.waiting import within


def of(uid: str) -> str:
    """Providers a1, a2 ... are in namespace a."""
    return uid[0]


def test_what_is_too_large_needs_a_person_and_what_is_put_off_needs_patience() -> None:
    too_large = problem_of(TooLarge("list the keys: more than 100000 entries"), Reason.PROVIDER_REFUSED)
    assert (too_large.reason, too_large.stalls) == (Reason.ANSWER_TOO_LARGE, True)
    assert "100000" in too_large.message
    put_off = problem_of(PutOff("list the keys: put off"), Reason.PROVIDER_REFUSED)
    assert (put_off.reason, put_off.stalls) == (Reason.LISTING_PUT_OFF, False)


class Kept:
    """What is kept of a listing."""


def keys(number: int) -> tuple[ListedKey, ...]:
    return tuple(ListedKey(f"key-{n:012d}", f"kp.team.pool.abcd.{n:010x}", f"{n:012x}", True) for n in range(number))


async def test_an_entry_is_counted_with_what_it_takes() -> None:
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        listed = {key.handle: key for key in keys(20_000)}
        taken = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    counted = sum(weight(key.handle, key.name, key.fingerprint) for key in listed.values())
    assert taken <= counted <= 1.6 * taken


async def test_a_kept_listing_counts_until_it_is_gone() -> None:
    answers, kept = Answers(of), Kept()
    async with answers.share("a1").listing("list") as claim:
        claim.hold(7 * MIB, entries=SMALL)
        claim.keep(kept, keys(100))
    assert 0 < answers.held < MIB
    del kept
    gc.collect()
    assert answers.held == 0


async def test_nothing_is_held_after_a_listing_that_failed() -> None:
    answers = Answers(of)
    with pytest.raises(TooLarge, match="64 MiB"):
        async with answers.share("a1").listing("list") as claim:
            claim.hold(LARGE + 1)
    async with answers.share("b1").listing("list") as claim:
        claim.hold(LARGE)
    assert answers.held == 0


async def test_more_than_the_most_entries_are_never_kept() -> None:
    answers = Answers(of)
    with pytest.raises(TooLarge, match="100000 entries"):
        async with answers.share("a1").listing("list") as claim:
            claim.keep(Kept(), keys(1) * (MOST + 1))


async def test_of_two_large_listings_one_is_read_at_a_time_and_the_second_in_its_turn() -> None:
    answers, order = Answers(of), list[str]()
    first = answers.share("a1")
    async with first.listing("list") as claim:
        claim.hold(entries=SMALL + 1)
        with pytest.raises(PutOff, match="other large listings"):
            async with answers.share("b1").listing("list") as other:
                other.hold(entries=SMALL + 1)
        async with answers.share("c1").listing("list") as small:
            small.hold(MIB, entries=SMALL)  # which nobody has to wait for

        async def again(uid: str) -> None:
            async with answers.share(uid).listing("list"):
                order.append(uid)

        answers.large |= {"a2", "a3", "a4", "b1", "c2"}
        waiting = [asyncio.create_task(again(uid)) for uid in ("a2", "a3", "a4", "b1", "c2")]
        await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(*waiting)
    assert order == ["a2", "b1", "c2", "a3", "a4"]


async def test_a_turn_that_does_not_come_is_told_and_leaves_the_others_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(of)
    answers.large |= {"b1", "c1"}
    async with answers.share("a1").listing("list") as claim:
        claim.hold(entries=SMALL + 1)
        monkeypatch.setattr(limits, "PATIENCE", 0.01)
        with pytest.raises(PutOff):
            async with answers.share("b1").listing("list"):
                pass
    async with answers.share("c1").listing("list") as claim:
        assert claim.is_large


async def test_who_holds_most_gives_way_and_nobody_else() -> None:
    answers, cut = Answers(of, shared=10 * MIB), asyncio.Event()

    async def hanging(uid: str, size: int) -> None:
        try:
            async with answers.share(uid).listing("list") as claim:
                claim.hold(size)
                await asyncio.Event().wait()
        except PutOff:
            cut.set()

    hogs = [asyncio.create_task(hanging(f"a{n}", 3 * MIB)) for n in range(3)]
    for _ in hogs:
        await asyncio.sleep(0)
    assert answers.held == 9 * MIB
    async with answers.share("b1").listing("list") as mine:
        mine.hold(2 * MIB)
        await within(cut.wait(), 5)
        assert answers.held <= 10 * MIB
        with pytest.raises(PutOff):
            async with answers.share("a9").listing("list") as more:
                more.hold(3 * MIB)
    for hog in hogs:
        hog.cancel()
    await asyncio.gather(*hogs, return_exceptions=True)
    assert answers.held == 0


async def test_what_is_merely_kept_goes_before_anything_that_is_read() -> None:
    answers, dropped = Answers(of, shared=3 * MIB), list[str]()
    kept = Kept()
    async with answers.share("b1").listing("list") as claim:
        claim.keep(kept, keys(SMALL))
    claim.evict = lambda: dropped.append("b1")
    async with answers.share("a1").listing("list") as claim:
        claim.hold(2 * MIB)
    assert dropped == ["b1"]


def test_what_is_forgotten_because_nobody_else_has_more_is_counted_no_longer() -> None:
    answers, memory = Answers(shared=1000), _Memory()
    memory.remembers = answers.keepsake("u1", memory.forget)
    memory.remembers.size = 2000
    with pytest.raises(PutOff):
        answers.make_room(memory.remembers)
    memory.forget()
    assert answers.held == 0


async def test_what_is_held_is_the_sum_of_all_claims_whatever_becomes_of_them() -> None:
    """It is counted as it changes: a listing of 100,000 entries asks for it as often."""
    answers, kept = Answers(of), Kept()
    first, second = answers.claim("a1", "list"), answers.claim("b1", "list")
    remembered = answers.keepsake("a1", lambda: None)
    remembered.size = 3 * MIB
    first.hold(2 * MIB)
    second.hold(MIB, entries=SMALL + 1)  # large from here on
    assert (second.is_large, answers.held) == (True, 6 * MIB)
    second.hold(MIB)
    first.release()
    first.hold(MIB)  # it counts no more
    assert answers.held == 5 * MIB
    remembered.size = MIB
    second.keep(kept, keys(10))
    assert answers.held == MIB + second.size
    second.release()
    second.release()
    remembered.release()
    assert answers.held == 0
