"""Tasks side by side, and their end: whoever cancels one waits for it, or the loop may end before it has."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


AGAIN = 10.0
"""Seconds. A task that has not ended by then is cancelled again: a cancellation can be lost that comes in the moment in
which what is awaited ends, as in asyncio.wait_for of Python 3.11."""


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them and returns when all have ended; what they raise is nobody's any more. A cancellation of the caller
    is handed on to them, and raised at the end."""
    cancelled: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left, timeout=AGAIN)
        except asyncio.CancelledError as error:
            cancelled = error
        for task in left:
            task.cancel()
    for task in tasks:
        if not task.cancelled():
            task.exception()  # taken note of: else asyncio logs that nobody did
    if cancelled is not None:
        raise cancelled


async def side_by_side(jobs: Iterable[Callable[[], Coroutine[Any, Any, T]]], most: int) -> list[T]:
    """Does all of them, so many at once; what they return, in their order. Where any fails, the others are done all
    the same, and the first error is raised in the end."""
    places = asyncio.Semaphore(most)

    async def one(job: Callable[[], Coroutine[Any, Any, T]]) -> T:
        async with places:
            return await job()

    done: list[T] = []
    for outcome in await asyncio.gather(*map(one, jobs), return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
        done.append(outcome)
    return done
