"""Waiting for something to become true, with a deadline, instead of sleeping and hoping."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS, LONGEST_PAUSE = 0.05, 0.5
PATIENCE = 4.0
"""Deadlines are written for an idle machine; a busy one gets this many times as long. Nothing here is about speed: a
deadline only decides how late a failure is noticed."""


async def within(happens: Awaitable[T], seconds: float) -> T:
    """What it returns; raises TimeoutError when it takes longer than so many seconds (times `PATIENCE`)."""
    async with asyncio.timeout(seconds * PATIENCE):
        return await happens


async def eventually(condition: Callable[[], Awaitable[T]], deadline: float = 15.0, what: str = "") -> T:
    """The first truthy value of `await condition()`; it is asked again and again for `deadline` seconds (times
    `PATIENCE`).

    An AssertionError inside the condition means "not yet". Fails with `what` and with the last answer. A condition that
    takes long, or is waited for long, is asked less often: asking is not to keep the machine from what is waited for.
    """
    deadline *= PATIENCE
    began = time.monotonic()
    until = began + deadline
    while True:
        asked = time.monotonic()
        try:
            last: object = None
            async with asyncio.timeout(max(until - time.monotonic(), POLL_SECONDS)):
                last = await condition()
            if last:
                return last
        except (AssertionError, TimeoutError) as error:
            last = error
        if time.monotonic() > until:
            raise AssertionError(f"{what or condition} not within {deadline:g} s; at last: {last!r}")
        now = time.monotonic()
        await asyncio.sleep(min(max(POLL_SECONDS, 2 * (now - asked), (now - began) / 40), LONGEST_PAUSE))
