"""`python -m keypool_lab.relaybench.forward TO [AT]`: an endpoint that can be killed: it passes bytes on to port TO.

It listens at port AT, or at a free one. A SIGKILL takes with it what is under way, as with any server.
"""

import asyncio
import sys
from typing import cast


class _End(asyncio.Protocol):
    """One end of a connection; what it hears, the other one says."""

    def __init__(self) -> None:
        self.other: _End | None = None
        self.transport: asyncio.Transport | None = None
        self._early: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        if self.other is None or self.other.transport is None:
            self._early.append(data)
        else:
            self.other.transport.write(data)

    def join(self, other: "_End") -> None:
        """From now on there is another end."""
        self.other, other.other = other, self
        if other.transport is not None and self._early:
            other.transport.write(b"".join(self._early))

    def connection_lost(self, _: Exception | None) -> None:
        """Called by asyncio."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class _Door(_End):
    """The end at which clients come in."""

    def __init__(self, to: int) -> None:
        super().__init__()
        self._to = to

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        super().connection_made(transport)
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, end = await asyncio.get_running_loop().create_connection(_End, "127.0.0.1", self._to)
        except OSError:
            if self.transport is not None:
                self.transport.abort()
        else:
            self.join(end)


async def main(to: int, at: int) -> None:
    """Serves until it is ended; says its port."""
    server = await asyncio.get_running_loop().create_server(lambda: _Door(to), "127.0.0.1", at, backlog=2048)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0))
