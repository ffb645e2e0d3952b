"""Bodies of requests to the API server, and of its answers. Whoever writes an object decides how large it is: so what
is large waits for its turn, in which namespaces take turns, and of everything else no more is read than is small.
"""

from collections.abc import Callable

import aiohttp
from aiohttp.abc import AbstractStreamWriter

LARGE, MOST = 64 * 1024, 8 * 2**20
"""Bytes from which a body is large; and of any. etcd takes no object of more than 1.5 MiB, unless it is told to."""
PLACES = 8
"""So many large ones are under way at once, two of them for what answers a leak."""


class TooLarge(Exception):
    """The answer has more bytes than are read."""


async def read_body(response: aiohttp.ClientResponse, most: int) -> bytearray:
    """The whole of it. Raises TooLarge as soon as it has more bytes; the rest is not read."""
    body = bytearray()
    async for data in response.content.iter_any():
        body += data
        if len(body) > most:
            response.close()
            raise TooLarge
    return body


class Body(aiohttp.BytesPayload):
    """What a request sends. The leave to send it is asked for at the last moment: since the request began the process
    may have waited for a connection, or have been paused."""

    def __init__(self, value: bytes, leave: Callable[[], object]) -> None:
        super().__init__(value)
        self.refused: Exception | None = None
        self._leave = leave

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """aiohttp holds the headers back until the body comes: when this raises, nothing was sent."""
        try:
            self._leave()
        except Exception as error:
            self.refused = error
            raise
        await super().write_with_length(writer, content_length)
