"""Takes what the API server tells Kopf, before it reaches Kopf: which would keep each object whole, by the hundred and
more than once, whoever made it and however large it is. Kopf lists, watches and begins again where something fails; the
objects go into the cache as they arrive, and Kopf sees of them the versions alone.

It also spares half a millisecond and more for each event, most of which are our own writes that come back.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.pieces import Pace, Page, PageTooLarge, read_page

OnTouch = Callable[[Kind, Mapping[str, Any]], None]
Take = Callable[[str, Mapping[str, Any]], None]
"""Is told the type of an event, and its object."""

ECHO_SECONDS = 0.01
"""How long a change waits: of a write, the event may come before the answer."""
LISTED = "LISTED"
_CHANGES = (b'{"type":"ADDED"', b'{"type":"MODIFIED"')
_TYPES = (*_CHANGES, b'{"type":"DELETED"')

_log = logging.getLogger(__name__)


def taking(cache: ObjectCache, on_touch: OnTouch, kind: Kind) -> Take:
    """Puts objects of a kind into the cache; `on_touch` is called for each that brought news or went."""

    def take(event: str, obj: Mapping[str, Any]) -> None:
        apply = cache.remove if event == "DELETED" else cache.upsert
        if apply(kind, obj):
            on_touch(kind, obj)

    return take


async def take_page(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType, take: Take, pace: Pace, *, sample: bool
) -> tuple[aiohttp.ClientResponse, Page[None] | None]:
    """Sends Kopf's request for a page of a list, takes its objects, and answers with none; None where the answer is no
    page. Of a `sample`, the first object stands for the whole."""
    request.headers["Accept-Encoding"] = "identity"  # what is packed may be any size
    while True:
        limit = 1 if sample else pace.limit
        request.url = request.url.update_query(limit=limit)
        response = await handler(request)
        if response.status != 200:
            return response, None
        try:
            page: Page[None] = await read_page(response.content, lambda item: take(LISTED, item), pace)
        except PageTooLarge:
            response.close()
            continue
        except ValueError:
            raise aiohttp.ClientPayloadError("the answer is not a list") from None
        metadata = {"resourceVersion": str(page.version), "continue": "" if sample else page.token}
        response._body = json.dumps({"metadata": metadata, "items": []}).encode()
        return response, page


class TakenStream:
    """In place of a watch response's `content`: each event is taken, and passes as a bookmark, of which Kopf takes
    nothing but the version."""

    def __init__(self, content: aiohttp.StreamReader, take: Take) -> None:
        self._content, self._take = content, take

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        """Whole lines, and at the end what is left of one."""
        rest = b""
        async for data in self._content.iter_chunked(size):
            *lines, rest = (rest + data).split(b"\n")
            if any(line.startswith(_CHANGES) for line in lines):
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
            event = json.loads(line)
            obj = event["object"]
            meta = {"resourceVersion": obj["metadata"]["resourceVersion"]}
            self._take(event["type"], obj)
        except (AttributeError, ValueError, LookupError, TypeError, RecursionError) as error:
            _log.warning("an event of a watch cannot be read: %s", type(error).__name__)
            return b""
        bookmark = {"type": "BOOKMARK", "object": {"metadata": meta}}
        return json.dumps(bookmark, separators=(",", ":")).encode()
