"""Connections to one provider, shared by the namespaces that use it: slow calls of one hold up no other's."""

import contextlib
from collections.abc import AsyncIterator

from keypool.providers.connections import ALL_CONNECTIONS, MAX_CONNECTIONS
from keypool.providers.errors import Unavailable
from keypool.turnstile import NoTurn, Turnstile


class Places:
    """Of one client. Creates have connections of their own."""

    def __init__(self) -> None:
        self._creates, self._others = (Turnstile(ALL_CONNECTIONS, MAX_CONNECTIONS) for _ in range(2))

    @contextlib.asynccontextmanager
    async def turn(self, what: str, seconds: float, *, creates: bool) -> AsyncIterator[None]:
        """Inside, a request may be sent. Raises Unavailable when no connection is free in so many seconds; that says
        nothing about any endpoint."""
        async with contextlib.AsyncExitStack() as inside:
            try:
                await inside.enter_async_context((self._creates if creates else self._others).turn(seconds))
            except NoTurn:
                raise Unavailable(f"{what}: not sent, because no connection was free in time") from None
            yield
