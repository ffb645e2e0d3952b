"""Connections to one provider are shared: no namespace holds all, however slow its calls are."""

import asyncio

import pytest

from keypool.errand import ERRAND, Errand
from keypool.turnstile import NoTurn, Turnstile


class Calls:
    """Calls that last until they are answered; `sent`: in which order they were let in."""

    def __init__(self, total: int, each: int | None = None) -> None:
        self.turnstile, self.sent = Turnstile(total, each), list[str]()
        self._answers, self._tasks = dict[str, asyncio.Event](), list[asyncio.Task[None]]()

    async def send(self, name: str, namespace: str, *, urgent: bool = False, seconds: float = 5) -> asyncio.Task[None]:
        """Returns when it was let in, or waits."""
        self._answers[name] = asyncio.Event()

        async def call() -> None:
            ERRAND.set(Errand(namespace, urgent))
            async with self.turnstile.turn(seconds):
                self.sent.append(name)
                await self._answers[name].wait()

        self._tasks.append(asyncio.create_task(call()))
        await settled()
        return self._tasks[-1]

    async def answer(self, *names: str) -> None:
        for name in names:
            self._answers[name].set()
            await settled()

    async def end(self) -> None:
        for event in self._answers.values():
            event.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def settled() -> None:
    """Everybody who may go on does."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_another_namespace_finds_a_connection_however_many_slow_calls_one_has() -> None:
    calls = Calls(total=8, each=3)
    for number in range(20):
        await calls.send(f"slow {number}", "a")
    assert calls.sent == ["slow 0", "slow 1", "slow 2"]
    for number in range(3):
        await calls.send(f"b{number}", "b")
    assert calls.sent[3:] == ["b0", "b1", "b2"], "whoever waits for its own namespace's connections is in nobody's way"
    await calls.answer("slow 0")
    assert calls.sent[6:] == ["slow 3"]
    await calls.end()


async def test_what_is_urgent_finds_a_connection_beside_its_own_namespaces_slow_calls_and_all_others() -> None:
    calls = Calls(total=8, each=4)
    for namespace in ("a", "b"):
        for number in range(5):
            await calls.send(f"{namespace}{number}", namespace)
    assert len(calls.sent) == 6, "a quarter is for what is urgent"
    await calls.send("leak", "a", urgent=True)
    await calls.send("another", "c", urgent=True)
    assert calls.sent[6:] == ["leak", "another"]
    await calls.end()


async def test_the_leaks_of_one_namespace_do_not_hold_all_connections_either() -> None:
    calls = Calls(total=8, each=4)
    for number in range(20):
        await calls.send(f"a{number}", "a", urgent=True)
    assert len(calls.sent) == 5
    await calls.send("b", "b", urgent=True)
    assert calls.sent[-1] == "b"
    await calls.end()


async def test_namespaces_that_wait_take_turns_and_one_that_is_full_lets_the_others_go_first() -> None:
    calls = Calls(total=4, each=2)  # three for what is not urgent
    for name, namespace in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a"), ("b2", "b"), ("c1", "c")):
        await calls.send(name, namespace)
    await calls.answer("b1")
    assert calls.sent == ["a1", "a2", "b1", "b2"]
    await calls.answer("a1", "a2")
    assert calls.sent[4:] == ["c1", "a3"]
    await calls.end()


async def test_a_turn_that_does_not_come_or_is_not_wanted_any_more_takes_nobodys_place() -> None:
    calls = Calls(total=2, each=1)
    await calls.send("first", "a")
    with pytest.raises(NoTurn):
        await (await calls.send("impatient", "a", seconds=0.01))
    (await calls.send("cancelled", "a")).cancel()
    await settled()
    await calls.send("next", "a")
    await calls.answer("first")
    assert calls.sent == ["first", "next"]
    await calls.answer("next")
    await calls.send("last", "a")
    assert calls.sent[-1] == "last"
    await calls.end()


async def test_one_that_is_cancelled_while_its_namespaces_line_ends_is_cancelled_and_nothing_else() -> None:
    calls = Calls(total=2, each=1)
    await calls.send("first", "a")
    cancelled = await calls.send("cancelled", "a")
    calls._answers["first"].set()  # both at once: the line ends before the cancelled one goes on
    cancelled.cancel()
    first = calls._tasks[0]
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    await first
    await calls.send("next", "a")
    assert calls.sent == ["first", "next"]
    await calls.end()
