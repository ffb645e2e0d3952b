"""The tasks that a library spawned, and their end.

A task inherits the context of whoever spawns it, so a context variable tells whose it is, however deep: the task
factory of the loop puts it down. (Python 3.12 has Task.get_context; 3.11 tells nobody.)
"""

import asyncio
import contextlib
import logging
from collections.abc import Collection, Coroutine, Generator, Iterator
from contextvars import ContextVar
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

AnyTask = asyncio.Task[Any]
_T = TypeVar("_T")
_ROUNDS = (3.0, 1.0, 1.0, 1.0, 1.0)
"""Seconds between two cancellations."""

_log = logging.getLogger(__name__)


class Spawned:
    """Each task that is spawned inside `collecting`, by such a task, by one of those, and so on."""

    def __init__(self) -> None:
        self._parents: WeakKeyDictionary[AnyTask, AnyTask | None] = WeakKeyDictionary()

    @contextlib.contextmanager
    def collecting(self) -> Iterator[None]:
        """Everything that is spawned inside belongs here."""
        asyncio.get_running_loop().set_task_factory(_noted)
        token = _collector.set(self)
        try:
            yield
        finally:
            _collector.reset(token)

    def add(self, task: AnyTask) -> None:
        """This task belongs here, too."""
        parent = asyncio.current_task()
        self._parents[task] = parent if parent in self._parents else None
        task.add_done_callback(_note)

    async def end(self) -> None:
        """Returns when all have ended, after 14 s at most; says in the log what did not.

        A task whose parent lives is left to that one; the others are cancelled again and again, for a task can miss it;
        at last all are. A cancellation of the caller makes it quicker, and is raised at its end.
        """
        cancelled = None
        for heads, seconds in [*((True, each) for each in _ROUNDS), *((False, each) for each in _ROUNDS)]:
            cancelled = await _cancel(self._left(heads=heads), seconds) or cancelled
        if left := sorted(task.get_name() for task in self._left()):
            _log.error("tasks did not end although cancelled; if that comes again, restart", extra={"tasks": left})
        if cancelled is not None:
            raise cancelled

    def _left(self, *, heads: bool = False) -> list[AnyTask]:
        left = [(task, parent) for task, parent in self._parents.items() if not task.done()]
        return [task for task, parent in left if not heads or parent is None or parent.done()]


_collector: ContextVar[Spawned | None] = ContextVar("collector", default=None)


def _noted(
    loop: asyncio.AbstractEventLoop,
    coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
    **options: Any,  # noqa: ANN401 - asyncio's own, of which each version of Python has others
) -> asyncio.Task[_T]:
    task = asyncio.Task(coro, loop=loop, **options)
    if (collector := _collector.get()) is not None:
        collector.add(task)
    return task


def _note(task: AnyTask) -> None:
    """What ended it is taken note of: else asyncio logs, whenever the garbage collector comes by, that nobody did. The
    library logs what it means, and where a root of its tasks failed, `kopf_watch` begins again."""
    if not task.cancelled():
        task.exception()


async def _cancel(tasks: Collection[AnyTask], seconds: float) -> asyncio.CancelledError | None:
    """Cancels them and waits for their end; returns the cancellation that ended the waiting."""
    if not tasks:
        return None
    for task in tasks:
        task.cancel()
    try:
        await asyncio.wait(tasks, timeout=seconds)
    except asyncio.CancelledError as error:
        return error
    return None
