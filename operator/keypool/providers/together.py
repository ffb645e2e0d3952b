"""What several calls need at a provider, such as a group that their keys share: one of them makes it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from keypool.providers.errors import ProviderError, Unavailable

T = TypeVar("T")


class Together(Generic[T]):
    """One call at a time works on a thing. Who wants the same of it meanwhile waits, no longer than its own deadline,
    and has what came of it: the answer, or the provider's error. Where the one that works on it is cancelled, or fails
    in another way, the next one does it."""

    def __init__(self) -> None:
        self._under_way: dict[str, tuple[object, asyncio.Future[T | ProviderError]]] = {}

    async def do(self, what: str, thing: str, wish: object, until: float, work: Callable[[], Awaitable[T]]) -> T:
        """`wish`: what is wanted of the thing; `until` is of the loop's clock. Raises ProviderError."""
        while (known := self._under_way.get(thing)) is not None:
            wanted, answer = known
            if not await _ends(answer, until):
                raise Unavailable(f"{what}: another call does this, and takes too long")
            if wanted == wish and not answer.cancelled():
                return _told(answer.result())
        mine: asyncio.Future[T | ProviderError] = asyncio.get_running_loop().create_future()
        self._under_way[thing] = wish, mine
        try:
            mine.set_result(await work())
        except ProviderError as error:
            mine.set_result(error)
        finally:
            del self._under_way[thing]
            mine.cancel()  # does nothing to what is told
        return _told(mine.result())


async def _ends(answer: "asyncio.Future[T | ProviderError]", until: float) -> bool:
    left = until - asyncio.get_running_loop().time()
    done, _ = await asyncio.wait({answer}, timeout=max(left, 0.0))
    return bool(done)


def _told(outcome: T | ProviderError) -> T:
    """Raised anew for each that waited, or their tracebacks would grow together."""
    if isinstance(outcome, ProviderError):
        raise outcome.with_traceback(None)
    return outcome
