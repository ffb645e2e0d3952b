"""Who may send a request to the API server now, see `keypool.turnstile`."""

import contextlib
from collections.abc import AsyncIterator

from keypool.cluster.errors import Unavailable
from keypool.turnstile import NoTurn, Turnstile


class Gate:
    """At most `total` requests are under way at once."""

    def __init__(self, total: int) -> None:
        self._turnstile = Turnstile(total)

    @contextlib.asynccontextmanager
    async def turn(self, call: str, seconds: float) -> AsyncIterator[None]:
        """Inside, a request may be sent. Raises Unavailable when its turn does not come in so many seconds."""
        async with contextlib.AsyncExitStack() as inside:
            try:
                await inside.enter_async_context(self._turnstile.turn(seconds))
            except NoTurn:
                raise Unavailable(call, 0, "no connection was free in time", maybe_done=False) from None
            yield
