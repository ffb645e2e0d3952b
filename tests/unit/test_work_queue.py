"""The work queue runs a key once at a time, in order, at its date, and again when it was touched meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool import tasks
from keypool.watch.lanes import Lane
from keypool.watch.queue import WorkQueue, run_workers
from keypool.watch.timers import Backoff, Pace, Timers
from tests.waiting import eventually, within


async def test_keys_run_in_the_order_in_which_they_were_added() -> None:
    queue = WorkQueue()
    for key in "abcab":
        queue.add(key)
    assert [await queue.get() for _ in range(3)] == ["a", "b", "c"]
    assert len(queue) == 0


async def test_a_key_added_while_it_runs_is_queued_again_when_it_is_done() -> None:
    queue = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    queue.add("b")
    assert await queue.get() == "b", "a must not run twice at once"
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    queue.done("b")
    assert len(queue) == 0


async def test_the_earlier_date_of_a_key_wins() -> None:
    queue = WorkQueue()
    queue.add_after("a", 3600)
    queue.add_after("a", 0.01)
    queue.add_after("a", 1800)
    assert await within(queue.get(), 5) == "a"
    queue.close()


async def test_a_closed_queue_makes_nothing_ready_by_date() -> None:
    queue = WorkQueue()
    queue.add_after("a", 0.01)
    queue.close()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(queue.get(), 0.05)


async def with_workers(
    handler: Callable[[str, WorkQueue], Awaitable[float | None]], until: Callable[[], bool], *keys: str
) -> None:
    """Run two keys at once until a condition holds."""
    queue = WorkQueue({"": Lane(2)}, jitter=lambda: 0.0)
    for key in keys:
        queue.add(key)
    workers = asyncio.create_task(run_workers(queue, lambda key: handler(key, queue)))

    async def holds() -> bool:
        return until()

    try:
        await eventually(holds, 5)
    finally:
        workers.cancel()
        await asyncio.gather(workers, return_exceptions=True)
        queue.close()


@pytest.mark.parametrize(
    "error", [asyncio.CancelledError(), SystemExit(), BaseExceptionGroup("", [SystemExit()])], ids=repr
)
async def test_what_is_no_ordinary_failure_ends_no_other_keys_either(error: BaseException) -> None:
    seen: list[str] = []

    async def handler(key: str, _: WorkQueue) -> float | None:
        seen.append(key)
        if key == "bad" and seen.count("bad") == 1:
            raise error
        return None

    await with_workers(handler, lambda: seen.count("bad") == 2 and "good" in seen, "bad", "good")


async def test_a_failing_key_is_tried_again_and_the_worker_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[str] = []

    async def handler(key: str, queue: WorkQueue) -> float | None:
        seen.append(key)
        if key == "bad" and seen.count("bad") == 1:
            raise ValueError("canary-c0ffee")
        return None

    await with_workers(handler, lambda: seen.count("bad") == 2 and "good" in seen, "bad", "good")
    assert "canary-c0ffee" not in caplog.text + str([vars(record) for record in caplog.records])
    assert any(vars(record).get("key") == "bad" for record in caplog.records)


async def test_the_seconds_that_a_handler_returns_are_when_it_looks_again() -> None:
    seen: list[str] = []

    async def handler(key: str, queue: WorkQueue) -> float | None:
        seen.append(key)
        return 0.01 if len(seen) < 3 else None

    await with_workers(handler, lambda: len(seen) == 3, "a")


async def test_a_lane_that_is_full_holds_up_no_other() -> None:
    queue = WorkQueue({"pool": Lane(2), "provider": Lane(1)})
    for key in ("pool/a", "pool/b", "pool/c", "provider/x"):
        queue.add(key)
    taken = [await queue.get() for _ in range(3)]
    assert taken == ["pool/a", "pool/b", "provider/x"]
    late = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    assert not late.done()
    queue.done("pool/b")
    assert await within(late, 5) == "pool/c"


async def test_a_crowd_is_taken_in_little_by_little_and_what_is_urgent_at_once() -> None:
    queue = WorkQueue({"": Lane(10_000, is_urgent=lambda key: key == "leak")})
    for number in range(5000):
        queue.add_soon(f"{number}")
    queue.add_soon("leak")
    queue.add_soon("0")
    assert len(queue) == 5001
    assert await queue.get() == "leak"
    queue.done("leak")
    assert [await queue.get() for _ in range(3)] == ["0", "1", "2"]
    taken = [await queue.get() for _ in range(4997)]
    assert taken == [str(number) for number in range(3, 5000)]
    assert len(queue) == 0


async def test_a_draining_queue_hands_out_nothing_and_waits_for_what_runs() -> None:
    queue = WorkQueue({"pool": Lane(1)})
    for key in ("pool/a", "pool/b", "loose"):
        queue.add(key)
    assert await queue.get() == "pool/a"
    draining = asyncio.create_task(queue.drain())
    late = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("pool/a")
    assert not draining.done()
    queue.done("pool/a")
    await within(draining, 5)
    assert not late.done()
    late.cancel()
    await asyncio.gather(late, return_exceptions=True)


async def test_no_key_ever_runs_twice_at_once_however_often_it_is_touched() -> None:
    running: set[str] = set()
    runs: list[str] = []

    async def handler(key: str, queue: WorkQueue) -> float | None:
        assert key not in running
        running.add(key)
        runs.append(key)
        if len(runs) < 60:
            for other in "abc":
                queue.add(other)
        await asyncio.sleep(0)
        running.discard(key)
        return None

    await with_workers(handler, lambda: len(runs) > 60 and not running, "a", "b", "c")


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.floats(0, 100)), max_size=300), st.floats(0, 100))
def test_timers_give_each_key_once_at_its_earliest_date(dates: list[tuple[str, float]], now: float) -> None:
    timers = Timers()
    for key, due in dates:
        timers.set(key, due)
    earliest = {key: min(due for name, due in dates if name == key) for key, _ in dates}
    due_now = sorted((due, key) for key, due in earliest.items() if due <= now)
    assert timers.next_due() == (min(earliest.values()) if earliest else None)
    assert timers.pop_due(now) == [key for _, key in due_now]
    assert len(timers) == len(earliest) - len(due_now)


@given(st.floats(0, 1, exclude_max=True))
def test_back_off_doubles_up_to_a_minute_and_begins_anew_after_success(random: float) -> None:
    backoff = Backoff(lambda: random)
    delays = [backoff.next("a") for _ in range(40)]
    assert 0.375 <= delays[0] <= 0.625
    assert all(late >= early for early, late in pairwise(delays))
    assert all(45 <= delay <= 60 for delay in delays[10:])
    backoff.forget("a")
    assert backoff.next("a") == delays[0]


async def test_a_key_that_is_touched_all_the_time_runs_at_its_pace_and_others_at_once() -> None:
    now = 0.0
    queue = WorkQueue(clock=lambda: now)
    for _ in range(20):
        queue.add("flooded")
        queue.done(await queue.get())
    queue.add("flooded")
    queue.add("other")
    assert await queue.get() == "other"
    assert len(queue) == 0, "it waits for its date"
    now = 1.0
    queue.add("flooded")
    assert await within(queue.get(), 5) == "flooded"
    queue.close()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 0.3)), max_size=200))
def test_no_key_exceeds_its_pace_and_none_waits_longer_than_a_window(steps: list[tuple[str, float]]) -> None:
    pace, now, window, ran = Pace(most=3, seconds=1.0), 0.0, 0.0, {"a": 0, "b": 0}
    for key, passed in steps:
        now += passed
        pause = pace.pause(key, now)
        assert 0.0 <= pause <= 1.0
        if now - window >= 1.0 or not any(ran.values()):
            window, ran = now, {"a": 0, "b": 0}
        assert (pause > 0) == (ran[key] >= 3)
        if not pause:
            pace.ran(key, now)
            ran[key] += 1


async def test_passes_that_miss_their_cancellation_are_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else they would hold up the end of a leadership, and the Lease with it."""
    monkeypatch.setattr(tasks, "AGAIN", 0.01)
    missed, queue = list[str](), WorkQueue()

    async def handler(key: str) -> float | None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            missed.append(key)
        await asyncio.Event().wait()
        return None

    for key in "ab":
        queue.add(key)
    workers = asyncio.create_task(run_workers(queue, handler))
    for _ in range(5):
        await asyncio.sleep(0)
    await within(tasks.end(workers), 5)
    assert sorted(missed) == ["a", "b"]
