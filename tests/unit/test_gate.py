"""Connections to the API server are shared: namespaces take turns, and the answer to a leak waits for nobody."""

import asyncio

import pytest

from keypool.cluster.errors import Unavailable
from keypool.cluster.gate import Gate
from keypool.errand import ERRAND, Errand


class Requests:
    """Requests that last until they are answered, and in which order they were let in."""

    def __init__(self, total: int) -> None:
        self.gate, self.sent, self._answers = Gate(total), list[str](), dict[str, asyncio.Event]()
        self._tasks: list[asyncio.Task[None]] = []

    async def send(
        self, name: str, namespace: str, *, urgent: bool = False, seconds: float = 5
    ) -> "asyncio.Task[None]":
        """Returns when the request was let in, or waits in the line."""
        self._answers[name] = asyncio.Event()

        async def request() -> None:
            ERRAND.set(Errand(namespace, urgent))
            async with self.gate.turn(name, seconds):
                self.sent.append(name)
                await self._answers[name].wait()

        self._tasks.append(asyncio.create_task(request()))
        await settled()
        return self._tasks[-1]

    async def answer(self, *names: str) -> None:
        """These are over."""
        for name in names:
            self._answers[name].set()
            await settled()

    async def end(self) -> None:
        """All are answered, and none is left."""
        for event in self._answers.values():
            event.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def settled() -> None:
    """Everybody who may go on does."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_urgent_request_finds_a_connection_however_many_others_are_under_way() -> None:
    requests = Requests(total=8)
    for number in range(50):
        await requests.send(f"stranger {number}", "a")
    assert len(requests.sent) == 6, "a quarter is for what is urgent"
    await requests.send("leak", "b", urgent=True)
    assert requests.sent[-1] == "leak"
    await requests.end()


async def test_namespaces_take_turns_and_what_is_urgent_has_the_next_one() -> None:
    requests = Requests(total=1)
    await requests.send("first", "a")
    for name, namespace in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b")):
        await requests.send(name, namespace)
    await requests.send("leak a", "a", urgent=True)
    await requests.send("leak b", "b", urgent=True)
    await requests.answer("first", "leak a", "leak b", "a1", "b1", "a2", "a3")
    assert requests.sent == ["first", "leak a", "leak b", "a1", "b1", "a2", "a3"]
    await requests.end()


async def test_whoever_gives_up_leaves_the_turn_to_the_next() -> None:
    requests = Requests(total=1)
    await requests.send("first", "a")
    with pytest.raises(Unavailable):
        await (await requests.send("impatient", "b", seconds=0.01))
    cancelled = await requests.send("cancelled", "b")
    await requests.send("next", "c")
    cancelled.cancel()
    await requests.answer("first", "next")
    assert requests.sent == ["first", "next"]
    await requests.send("last", "a")
    assert requests.sent[-1] == "last", "no connection was lost"
    await requests.end()


async def test_a_turn_that_comes_as_its_waiter_is_cancelled_goes_to_the_next() -> None:
    requests = Requests(total=1)
    await requests.send("first", "a")
    waiting = await requests.send("waiting", "b")
    await requests.send("next", "c")
    waiting.cancel()
    await requests.answer("first")
    assert requests.sent == ["first", "next"]
    await requests.end()
