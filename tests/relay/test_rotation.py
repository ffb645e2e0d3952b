"""The relay before the provider: a rotation and a dead key are not noticed."""

import asyncio

from keypool_lab.simulator import Simulator
from tests.relay.mounted import Create, Mounted, document
from tests.relay.served import Served, relay
from tests.waiting import eventually


async def test_a_rotation_of_the_file_is_not_noticed_by_who_asks(
    simulator: Simulator, create: Create, mounted: Mounted
) -> None:
    """The new key is used before the old one is revoked, as an operator does it; every request is answered."""
    (first, value), (_, new) = await create(), await create()
    mounted.put(document([simulator.url], {"chat-0-a": value}))
    async with relay(mounted.path) as served:
        stop = asyncio.Event()
        asking = asyncio.create_task(_ask_until(stop, served))
        mounted.put(document([simulator.url], {"chat-0-b": new}))
        await eventually(lambda: _answered_by(served, "chat-0-b"))
        await simulator.change_key(first, "delete")
        await eventually(lambda: _answered_by(served, "chat-0-b"))
        stop.set()
        statuses = await asking
    assert statuses
    assert set(statuses) == {200}


async def test_a_key_that_was_revoked_behind_our_back_costs_no_answer(
    simulator: Simulator, create: Create, mounted: Mounted
) -> None:
    """The next key answers; the client hears which, and how many attempts it took."""
    (first, one), (_, two) = await create(), await create()
    mounted.put(document([simulator.url], {"chat-0": one, "chat-1": two}))
    await simulator.change_key(first, "disable")
    async with relay(mounted.path) as served:
        told = [await served.ask() for _ in range(10)]
    assert {each.status for each in told} == {200}
    assert {each.headers["x-keypool-key-id"] for each in told} == {"chat-1"}
    assert max(int(each.headers["x-keypool-attempts"]) for each in told) <= 2


async def _ask_until(stop: asyncio.Event, served: Served) -> list[int]:
    statuses = []
    while not stop.is_set():
        statuses.append((await served.ask()).status)
    return statuses


async def _answered_by(served: Served, key: str) -> bool:
    return (await served.ask()).headers["x-keypool-key-id"] == key
