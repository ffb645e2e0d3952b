"""Tasks side by side; and whoever cancels a task waits for its end."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import pytest

from keypool import tasks
from keypool.cluster.cache import Kind
from keypool.tasks import end, side_by_side
from keypool.watch import kopf_watch
from keypool.watch.liveness import Liveness
from keypool.watch.queue import WorkQueue
from tests.waiting import within


async def test_a_task_has_ended_when_end_returns() -> None:
    cleaned = list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.append("up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end(task)
    assert (task.cancelled(), cleaned) == (True, ["up"])


async def test_what_a_task_raises_at_its_end_disturbs_nobody() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("too late")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    await end(task)
    assert isinstance(task.exception(), ValueError)


async def test_a_cancellation_of_the_caller_comes_after_the_tasks_end() -> None:
    reached, leave = asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            reached.set()
            await leave.wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    ending = asyncio.create_task(end(task))
    await reached.wait()
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert task.done()


async def test_jobs_side_by_side_are_so_many_at_once_and_a_failure_stops_no_other() -> None:
    at_once, most, done = 0, 0, list[int]()

    async def job(number: int) -> int:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0)
        at_once -= 1
        if number == 1:
            raise KeyError(number)
        done.append(number)
        return number

    assert await side_by_side([partial(job, number) for number in (0, 2, 3, 4)], 3) == [0, 2, 3, 4]
    assert most == 3
    done.clear()
    with pytest.raises(KeyError):
        await side_by_side([partial(job, number) for number in range(5)], 2)
    assert sorted(done) == [0, 2, 3, 4]


async def test_jobs_whose_caller_is_cancelled_have_ended_when_it_has() -> None:
    ended, begun = list[int](), asyncio.Event()

    async def job(number: int) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append(number)

    caller = asyncio.create_task(side_by_side([partial(job, number) for number in range(3)], 2))
    await begun.wait()
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    assert sorted(ended) == [0, 1]


async def test_a_task_that_missed_its_cancellation_is_cancelled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "AGAIN", 0.01)
    missed = asyncio.Event()

    async def misses_one() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            missed.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(misses_one())
    await asyncio.sleep(0)
    await within(end(task), 5)
    assert missed.is_set()
    assert task.cancelled()


async def a_drain() -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    queue = WorkQueue()
    queue.add("pool/a")
    await queue.get()
    return queue.drain(60.0), partial(queue.done, "pool/a")


async def a_beginning() -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    liveness = Liveness()

    def all_is_listed() -> None:
        for kind in Kind:
            liveness.listed(kind, None)

    return liveness.begin(60.0), all_is_listed


async def a_pause() -> tuple[Coroutine[Any, Any, None], Callable[[], object]]:
    stop = asyncio.Event()
    return kopf_watch._pause(stop, 60.0), stop.set


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("begun", [a_drain, a_beginning, a_pause])
async def test_a_cancellation_in_the_moment_of_the_end_is_not_lost(
    begun: Callable[[], Awaitable[tuple[Coroutine[Any, Any, None], Callable[[], object]]]], turns: int
) -> None:
    """As asyncio.wait_for of Python 3.11 would."""
    waiting, happens = await begun()
    task = asyncio.create_task(waiting)
    for _ in range(3):
        await asyncio.sleep(0)
    happens()
    for _ in range(turns):
        await asyncio.sleep(0)
    if task.cancel():
        await asyncio.wait([task])
        assert task.cancelled()
