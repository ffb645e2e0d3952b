"""A test that leaves something running, or whose event loop complained, fails: the next one must not pay for it."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Generator

import pytest

SECONDS = 5.0
"""What ends at all ends within this time; the clean-up of a server may take seconds on a busy machine."""


class Complaints(logging.Handler):
    """What event loops log as errors: a task that was destroyed while it was pending, an exception nobody asked for."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.heard: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the text without the exception's, which may quote anything."""
        self.heard.append(record.getMessage())

    def taken(self) -> list[str]:
        """What was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard


COMPLAINTS = Complaints()


def pytest_configure() -> None:
    """Listens to all event loops of this process."""
    logging.getLogger("asyncio").addHandler(COMPLAINTS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Only tests with an event loop can leave a task."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.function):
            item.fixturenames.insert(0, "nothing_is_left")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    """Fails the test in which a loop complained."""
    yield
    if heard := COMPLAINTS.taken():
        pytest.fail("the event loop complained: " + "; ".join(text[:300] for text in heard[:5]), pytrace=False)


@pytest.fixture
async def nothing_is_left() -> AsyncIterator[None]:
    """Set up before all others of an asynchronous test, so that it looks when these have cleaned up."""
    before = asyncio.all_tasks()
    yield
    if left := await _left(before):
        names = sorted(f"{task.get_name()}: {getattr(task.get_coro(), '__qualname__', '?')}" for task in left)
        pytest.fail(f"left running: {', '.join(names)}"[:1000], pytrace=False)


async def _left(before: set[asyncio.Task[object]]) -> set[asyncio.Task[object]]:
    if left := asyncio.all_tasks() - before - {_current()}:
        await asyncio.wait(left, timeout=SECONDS)
    return {task for task in left if not task.done()}


def _current() -> asyncio.Task[object]:
    task = asyncio.current_task()
    assert task is not None
    return task
