"""What a library spawned ends, whatever it does when it is cancelled, and nothing else does."""

import asyncio
import contextlib
import logging

import pytest

from keypool.watch import spawned as module
from keypool.watch.spawned import Spawned
from tests.waiting import within


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cancelled again soon."""
    monkeypatch.setattr(module, "_ROUNDS", (0.05, 0.05))


async def forever() -> None:
    """Ends when it is cancelled."""
    await asyncio.Event().wait()


async def misses_one_cancellation() -> None:
    """Goes on after the first one."""
    with contextlib.suppress(asyncio.CancelledError):
        await forever()
    await forever()


def spawn(spawned: Spawned, name: str, deaf: bool = False) -> asyncio.Task[None]:
    """A task that belongs there."""
    with spawned.collecting():
        return asyncio.create_task(misses_one_cancellation() if deaf else forever(), name=name)


async def test_what_tasks_spawned_in_turn_ends_with_them_and_what_others_spawned_does_not() -> None:
    children: list[asyncio.Task[None]] = []

    async def parent() -> None:
        await asyncio.sleep(0)
        children.append(asyncio.create_task(forever()))

    spawned = Spawned()
    before = asyncio.create_task(forever())
    with spawned.collecting():
        parents = asyncio.create_task(parent())
    after = asyncio.create_task(forever())
    await parents
    await within(spawned.end(), 10)
    assert children[0].cancelled()
    assert not before.done()
    assert not after.done()
    before.cancel()
    after.cancel()
    await asyncio.gather(before, after, return_exceptions=True)


async def test_what_belongs_to_one_library_is_not_ended_with_another() -> None:
    one, other = Spawned(), Spawned()
    first, second = spawn(one, "first"), spawn(other, "second")
    await one.end()
    assert first.cancelled()
    assert not second.done()
    await other.end()
    assert second.cancelled()


async def test_a_task_that_misses_a_cancellation_is_cancelled_again() -> None:
    spawned = Spawned()
    deaf = spawn(spawned, "deaf", deaf=True)
    await asyncio.sleep(0)
    await within(spawned.end(), 10)
    assert deaf.cancelled()


async def test_a_parent_ends_its_children_in_its_own_order() -> None:
    children: list[asyncio.Task[None]] = []
    told = asyncio.Event()

    async def child() -> None:
        await told.wait()

    async def parent() -> None:
        children.append(asyncio.create_task(child()))
        with contextlib.suppress(asyncio.CancelledError):
            await forever()
        told.set()
        await children[0]

    spawned = Spawned()
    with spawned.collecting():
        task = asyncio.create_task(parent())
    await asyncio.sleep(0)
    await spawned.end()
    assert task.done()
    assert children[0].done()
    assert not children[0].cancelled()


async def test_a_child_without_which_its_parent_does_not_end_is_cancelled_at_last() -> None:
    async def parent() -> None:
        child = asyncio.create_task(forever())
        while not child.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(child)

    spawned = Spawned()
    with spawned.collecting():
        stubborn = asyncio.create_task(parent())
    await asyncio.sleep(0)
    await within(spawned.end(), 10)
    assert stubborn.done()


async def test_a_cancellation_of_the_caller_waits_until_all_have_ended() -> None:
    spawned = Spawned()
    deaf = spawn(spawned, "deaf", deaf=True)
    await asyncio.sleep(0)
    ending = asyncio.create_task(spawned.end())
    await asyncio.sleep(0)
    ending.cancel()
    await asyncio.wait([ending], timeout=10)
    assert ending.cancelled()
    assert deaf.cancelled()


async def test_a_task_that_never_ends_is_named_and_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    spawned, let_go = Spawned(), asyncio.Event()

    async def stubborn() -> None:
        while not let_go.is_set():
            with contextlib.suppress(asyncio.CancelledError):
                await let_go.wait()

    with spawned.collecting():
        task = asyncio.create_task(stubborn(), name="watcher for pools")
    await asyncio.sleep(0)
    with caplog.at_level(logging.ERROR, "keypool"):
        await within(spawned.end(), 10)
    assert [record.__dict__["tasks"] for record in caplog.records] == [["watcher for pools"]]
    let_go.set()
    await within(task, 10)
