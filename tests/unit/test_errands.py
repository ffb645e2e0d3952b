"""A pass that waits for others has no place, and holds up neither them nor the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from keypool.errand import changing_something, holding, waiting_for_others
from keypool.watch.lanes import Lane
from keypool.watch.queue import WorkQueue, run_workers
from tests.waiting import within


@contextlib.asynccontextmanager
async def passes(
    handler: Callable[[str, WorkQueue], Awaitable[float | None]], *keys: str, queue: WorkQueue | None = None
) -> AsyncIterator[WorkQueue]:
    """Passes over these keys, as the operator runs them; in the end they are cut off."""
    queue = queue or WorkQueue()
    for key in keys:
        queue.add(key)
    workers = asyncio.create_task(run_workers(queue, lambda key: handler(key, queue)))
    try:
        yield queue
    finally:
        workers.cancel()
        await asyncio.gather(workers, return_exceptions=True)


async def test_whoever_waits_for_an_answer_leaves_the_place_to_others_until_it_comes() -> None:
    answer, began = asyncio.Event(), list[str]()

    async def handler(key: str, queue: WorkQueue) -> float | None:
        began.append(key)
        if key == "asks":
            with waiting_for_others():
                await asyncio.gather(*(answer.wait() for _ in range(2)))
        else:
            answer.set()
        return None

    async with passes(handler, "asks", "answers", queue=WorkQueue({"": Lane(1)})) as queue:
        await within(answer.wait(), 5)
        await within(queue.drain(), 5)
    assert began == ["asks", "answers"]


async def test_a_lock_that_is_held_while_somebody_else_answers_holds_up_no_other_pass() -> None:
    lock, answer, began = asyncio.Lock(), asyncio.Event(), list[str]()

    async def handler(key: str, queue: WorkQueue) -> float | None:
        began.append(key)
        if key.startswith("asks"):
            async with holding(lock):
                with waiting_for_others():
                    await answer.wait()
        else:
            answer.set()
        return None

    keys = (*(f"asks {number}" for number in range(10)), "answers")
    async with passes(handler, *keys, queue=WorkQueue({"": Lane(2)})) as queue:
        await within(answer.wait(), 5)
        await within(queue.drain(), 5)
    assert len(began) == 11


@pytest.mark.parametrize("changes", [False, True])
async def test_the_end_waits_for_calls_that_change_something_and_not_for_a_provider_that_is_silent(
    changes: bool,
) -> None:
    answer, asked = asyncio.Event(), asyncio.Event()

    async def handler(key: str, queue: WorkQueue) -> float | None:
        with changing_something() if changes else contextlib.nullcontext(), waiting_for_others():
            asked.set()
            await answer.wait()
        return None

    async with passes(handler, "a") as queue:
        await within(asked.wait(), 5)
        draining = asyncio.create_task(queue.drain())
        for _ in range(5):
            await asyncio.sleep(0)
        assert draining.done() is not changes
        answer.set()
        await within(draining, 5)


@pytest.mark.parametrize("waits_first", [False, True])
async def test_the_end_waits_no_longer_once_the_call_that_changes_something_is_over(waits_first: bool) -> None:
    silent, answer, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def listing() -> None:
        with waiting_for_others():
            await silent.wait()

    async def create() -> None:
        first, second = (
            (waiting_for_others, changing_something) if waits_first else (changing_something, waiting_for_others)
        )
        with first(), second():
            asked.set()
            await answer.wait()

    async def handler(key: str, queue: WorkQueue) -> float | None:
        await asyncio.gather(listing(), create())
        return None

    async with passes(handler, "a") as queue:
        await within(asked.wait(), 5)
        draining = asyncio.create_task(queue.drain())
        await asyncio.sleep(0)
        assert not draining.done()
        answer.set()
        await within(draining, 5)


async def test_the_end_waits_for_a_silent_provider_only_so_long_and_for_what_was_answered_until_it_is_recorded() -> (
    None
):
    """What waits for its answer then is the next leader's."""
    recording, recorded, asked = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def create(answers: bool) -> None:
        with changing_something():
            with waiting_for_others():
                asked.set()
                await (asyncio.sleep(0) if answers else asyncio.Event().wait())
            await recording.wait()
            recorded.set()

    async def handler(key: str, queue: WorkQueue) -> float | None:
        await asyncio.gather(create(True), create(False))
        return None

    async with passes(handler, "a") as queue:
        await within(asked.wait(), 5)
        draining = asyncio.create_task(queue.drain(0.01))
        await asyncio.sleep(0.03)
        assert not draining.done(), "an answer is being recorded"
        recording.set()
        await within(draining, 5)
        assert recorded.is_set()


async def test_the_end_that_need_not_wait_does_not_use_up_its_patience() -> None:
    async def handler(key: str, queue: WorkQueue) -> float | None:
        return None

    async with passes(handler, "a") as queue:
        await within(queue.drain(3600), 5)
