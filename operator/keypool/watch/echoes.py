"""Our own writes come back as events. Kopf takes half a millisecond and more for each, only for the cache to say that
it is no news; so what the cache knows already passes by Kopf as a bookmark, of which it takes nothing but the version.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

IsNews = Callable[[Mapping[str, Any]], bool]

ECHO_SECONDS = 0.01
"""How long a change waits: of a write, the event may come before the answer."""
_TYPES = (b'{"type":"ADDED"', b'{"type":"MODIFIED"')


class WithoutEchoes:
    """In place of a watch response's `content`; `is_news(object)` tells what has to get through."""

    def __init__(self, content: aiohttp.StreamReader, is_news: IsNews) -> None:
        self._content, self._is_news = content, is_news

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, and at the end what is left of one."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            if any(line.startswith(_TYPES) for line in lines):
                await asyncio.sleep(ECHO_SECONDS)
            if lines:
                yield b"".join(self._passed(line) + b"\n" for line in lines)
        yield rest

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - aiohttp itself uses it when the response is released
        return getattr(self._content, name)

    def _passed(self, line: bytes) -> bytes:
        if not line.startswith(_TYPES):
            return line
        try:
            obj = json.loads(line)["object"]
            if self._is_news(obj):
                return line
            meta = {"resourceVersion": obj["metadata"]["resourceVersion"]}
        except (AttributeError, ValueError, LookupError, TypeError):
            return line  # Kopf says what it thinks of it
        bookmark = {"type": "BOOKMARK", "object": {"metadata": meta}}
        return json.dumps(bookmark, separators=(",", ":")).encode()
