"""The end of tasks: whoever cancels one waits for it, or the loop may end before it has."""

import asyncio
from typing import Any


async def end(*tasks: asyncio.Task[Any]) -> None:
    """Cancels them and returns when all have ended; what they raise is nobody's any more. A cancellation of the caller
    is handed on to them, and raised at the end."""
    cancelled: asyncio.CancelledError | None = None
    for task in tasks:
        task.cancel()
    while left := [task for task in tasks if not task.done()]:
        try:
            await asyncio.wait(left)
        except asyncio.CancelledError as error:
            cancelled = error
            for task in left:
                task.cancel()
    for task in tasks:
        if not task.cancelled():
            task.exception()  # taken note of: else asyncio logs that nobody did
    if cancelled is not None:
        raise cancelled
