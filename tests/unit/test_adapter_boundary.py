"""Whatever an adapter raises, its caller meets a declared outcome, and nothing of what the error says."""

import asyncio
import decimal
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.core.leadership import LeadershipLost
from keypool.providers import connections
from keypool.providers.boundary import Bounded, built
from keypool.providers.connections import traced
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Unavailable
from keypool.providers.protocol import Provider

CANARY = "sk-canary-0123456789"
UNTHOUGHT = {
    "a byte that is no text": UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY),
    "a number that overflows": decimal.Overflow(CANARY),
    "an operation without a result": decimal.InvalidOperation(CANARY),
    "an integer of too many digits": ValueError(CANARY),
    "an answer that is too deep": RecursionError(CANARY),
    "a name that is missing": KeyError(CANARY),
    "the end of an iteration": StopAsyncIteration(CANARY),
    "the end of the process": SystemExit(CANARY),
    "several at once": ExceptionGroup(CANARY, [ValueError(CANARY)]),
    "several at once, one of them no Exception": BaseExceptionGroup(CANARY, [SystemExit(CANARY)]),
    "a cancellation that nobody asked for": asyncio.CancelledError(CANARY),
    "no known kind": type("Odd", (BaseException,), {})(CANARY),
}


def raising(error: BaseException, *, sends: bool = True, sends_here: bool = True) -> Bounded:
    """An adapter each of whose methods fails so, after a request or before one."""

    async def fail(*_: object) -> Any:
        if sends:
            await _send()
        raise error

    names = ("create", "revoke", "update", "disable", "enable", "usage", "probe", "list_keys", "close")
    return Bounded(cast("Provider", SimpleNamespace(**dict.fromkeys(names, fail))), sends_here=sends_here)


METHODS: dict[str, Callable[[Bounded], Any]] = {
    "create": lambda it: it.create(cast("Any", None)),
    "revoke": lambda it: it.revoke("handle"),
    "update": lambda it: it.update("handle", cast("Any", None)),
    "disable": lambda it: it.disable("handle"),
    "enable": lambda it: it.enable("handle"),
    "usage": lambda it: it.usage("handle"),
    "probe": lambda it: it.probe(cast("Any", None)),
    "list_keys": lambda it: it.list_keys(),
}


@pytest.mark.parametrize("error", UNTHOUGHT.values(), ids=UNTHOUGHT)
@pytest.mark.parametrize("method", METHODS)
async def test_what_nobody_thought_of_may_have_happened(
    method: str, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Ambiguous) as told:
        await METHODS[method](raising(error))
    assert type(error).__name__ in str(told.value)
    assert told.value.__context__ is None
    assert CANARY not in f"{told.value!r} {[vars(record) for record in caplog.records]}"
    assert type(error).__name__ in str([vars(record) for record in caplog.records])


async def test_before_the_first_byte_nothing_was_sent() -> None:
    with pytest.raises(Unavailable, match="create a key: not sent, because the adapter failed with KeyError"):
        await raising(KeyError(CANARY), sends=False).create(cast("Any", None))


async def test_what_an_adapter_sends_by_its_own_means_nobody_knows() -> None:
    with pytest.raises(Ambiguous):
        await raising(KeyError(CANARY), sends=False, sends_here=False).create(cast("Any", None))


@pytest.mark.parametrize("error", [Rejected("no"), Unavailable("away"), Ambiguous("perhaps")], ids=repr)
async def test_a_declared_error_stays_what_it_is(error: ProviderError) -> None:
    with pytest.raises(type(error)) as told:
        await raising(error, sends=False).usage("handle")
    assert told.value is error


THROUGH: dict[str, BaseException] = {
    "leadership": LeadershipLost("over"),
    "memory": MemoryError(),
    "leadership, in a group": BaseExceptionGroup("", [ValueError(), LeadershipLost("over")]),
    "memory, in a group of groups": ExceptionGroup("", [ExceptionGroup("", [MemoryError()])]),
}


@pytest.mark.parametrize("error", THROUGH.values(), ids=THROUGH)
async def test_lost_leadership_and_a_lack_of_memory_pass_through(error: BaseException) -> None:
    with pytest.raises((LeadershipLost, MemoryError)):
        await raising(error).revoke("handle")


async def test_a_cancellation_passes_through() -> None:
    asked = asyncio.Event()

    async def hang(_: str) -> Any:
        asked.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(
        Bounded(cast("Provider", SimpleNamespace(revoke=hang)), sends_here=True).revoke("handle")
    )
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_closing_never_fails() -> None:
    await raising(OSError(CANARY)).close()


@pytest.mark.parametrize("error", [ValueError(CANARY), SystemExit(CANARY)], ids=repr)
def test_a_client_that_cannot_be_made_was_never_used(error: BaseException) -> None:
    def make() -> Provider:
        raise error

    with pytest.raises(Unavailable, match=rf"cannot be made: it failed with {type(error).__name__}"):
        built(make)


async def test_a_request_of_a_task_that_the_method_began_counts_as_sent() -> None:
    with traced() as trace:
        await asyncio.create_task(_send())
    assert trace.begun


async def _send() -> None:
    trace = connections._traced.get()
    assert trace is not None
    trace.begun = True
