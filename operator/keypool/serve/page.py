"""What a scrape gets: made once for all who ask in the same second, kept packed, and sent piece by piece.

Of ten thousand pools it is twelve megabytes as text and half of one packed. So nothing large is held for whoever reads
slowly, nothing large is joined or copied while the loop waits, and all that is under way together is bounded.
"""

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from aiohttp import hdrs, web
from prometheus_client import CONTENT_TYPE_LATEST

MOST_AT_ONCE = 32
"""Answers that are sent side by side. Whoever comes then takes the place of the oldest: those who read slowly on
purpose must not keep Prometheus out, which needs a moment only."""
LONGEST = 30.0
"""Seconds after which a reader is cut off. Prometheus gives up after 10 by default."""
_FAST = 1
_GZIP = 16 + zlib.MAX_WBITS
_SLICE = 4096
"""Packed bytes that are unpacked at a time: some 100 KB of text."""


@dataclass(frozen=True, slots=True)
class Page:
    """`packed`: as gzip; `size`: of the text in bytes."""

    packed: bytes
    size: int

    @classmethod
    def of(cls, pieces: Iterable[bytes]) -> "Page":
        """From the pieces of a text."""
        packer, packed, size = zlib.compressobj(_FAST, wbits=_GZIP), bytearray(), 0
        for piece in pieces:
            size += len(piece)
            packed += packer.compress(piece)
        packed += packer.flush()
        return cls(bytes(packed), size)

    def text(self) -> Iterator[bytes]:
        """The pieces again."""
        unpacker = zlib.decompressobj(_GZIP)
        for begin in range(0, len(self.packed), _SLICE):
            yield unpacker.decompress(self.packed[begin : begin + _SLICE])
        yield unpacker.flush()


class Sending:
    """Hands pages out."""

    def __init__(self, most: int = MOST_AT_ONCE, longest: float = LONGEST) -> None:
        self._most, self._longest = most, longest
        self._now: dict[int, web.Request] = {}

    async def send(self, request: web.Request, page: Page) -> web.StreamResponse:
        """Packed where the reader says that it takes it so."""
        if len(self._now) >= self._most:
            _cut_off(self._now.pop(next(iter(self._now))))
        packs = _takes_gzip(request.headers.get(hdrs.ACCEPT_ENCODING, ""))
        response = web.StreamResponse(headers={hdrs.CONTENT_TYPE: CONTENT_TYPE_LATEST, hdrs.VARY: hdrs.ACCEPT_ENCODING})
        if packs:
            response.headers[hdrs.CONTENT_ENCODING] = "gzip"
        response.content_length = len(page.packed) if packs else page.size
        self._now[id(request)] = request
        try:
            async with asyncio.timeout(self._longest):
                await response.prepare(request)
                if request.method != hdrs.METH_HEAD:
                    await _write(response, (page.packed,) if packs else page.text())
        except TimeoutError:
            _cut_off(request)
        except ConnectionError:
            pass  # the reader is gone, or made room
        finally:
            self._now.pop(id(request), None)
        return response


def _cut_off(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


async def _write(response: web.StreamResponse, pieces: Iterable[bytes]) -> None:
    """The loop has its turn after each."""
    for piece in pieces:
        await response.write(piece)
        await asyncio.sleep(0)
    await response.write_eof()


def _takes_gzip(accepted: str) -> bool:
    """By what the reader says it accepts: `gzip`, or `gzip` with a weight that is not 0."""
    for one in accepted[:1000].lower().split(","):
        coding, _, weight = (part.strip() for part in one.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "").rstrip("0") not in {"q=", "q=0.", "q=."}
    return False
