"""A thin client of the Kubernetes API: raw JSON objects in and out.

Bare aiohttp, with kubernetes' configuration: a call costs a sixth of what the generated client takes, and nothing is
deserialized into models. Every write carries the field manager `keypool`.
"""

import asyncio
import contextlib
import json
import random
import time
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import yarl

from keypool.cluster.bodies import LARGE, MOST, PLACES, Body, TooLarge, read_body
from keypool.cluster.connection import Connection
from keypool.cluster.errors import Expired, KubeError, TooManyRequests, Unauthorized, Unavailable, error_from
from keypool.cluster.gate import Gate
from keypool.cluster.paths import resource_of
from keypool.cluster.pieces import Pace, Page, PageTooLarge, read_page

T = TypeVar("T")
Object = dict[str, Any]
Read = Callable[[aiohttp.ClientResponse], Awaitable[Object]]
OnRequest = Callable[[str, str, int, float], None]
OnDate = Callable[[str, float], None]

FIELD_MANAGER = "keypool"
MERGE_PATCH = "application/merge-patch+json"
METADATA_ONLY = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
APPLY_PATCH = "application/apply-patch+yaml"
TIMEOUT = 10.0
_READS = ("get", "list")
_PAUSES = (0.2, 0.8, 2.0)
_LONGEST_PAUSE = 10.0
_RELISTS = 3
_METHODS = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "update": "PUT",
    "patch": "PATCH",
    "apply": "PATCH",
    "delete": "DELETE",
}


def retry_delay(error: KubeError, reads: bool, attempt: int) -> float | None:
    """Seconds until the same request is sent again, None for not at all. Pure.

    Reads are repeated on 429, 5xx and broken connections; writes only on 429, where nothing was processed.
    """
    if attempt >= len(_PAUSES):
        return None
    if isinstance(error, TooManyRequests):
        return min(max(error.retry_after or 0.0, _PAUSES[attempt]), _LONGEST_PAUSE)
    return _PAUSES[attempt] if reads and isinstance(error, Unavailable) else None


class KubeClient:
    """Calls raise the types of `cluster.errors`. One attempt takes at most `TIMEOUT` seconds.

    `on_request(verb, resource, status, seconds)` is told of each attempt; the status is 0 when there was no answer.
    `on_date(header, seconds)` is told of the `Date` of each answer and how long it took. `time_for_writes()` says how
    many seconds a write may take, or raises; it is asked when a write begins and again when it goes out.
    """

    def __init__(self, connection: Connection, connections: int = 32, on_request: OnRequest | None = None) -> None:
        self.connection = connection
        self.on_request = on_request
        self.on_date: OnDate | None = None
        self.time_for_writes: Callable[[], float] | None = None
        self._session = connection.session(connections, TIMEOUT)
        self._gate, self._large = Gate(connections), Gate(PLACES)

    @classmethod
    async def connect(cls, kubeconfig: str | None = None, connections: int = 32) -> "KubeClient":
        """None: the pod's service account where there is one, else KUBECONFIG or ~/.kube/config. Raises NoCluster."""
        return cls(await Connection.load(kubeconfig), connections)

    async def get(self, path: str) -> Object:
        """One object."""
        return await self._call("get", path)

    async def first(self, path: str, selector: str) -> None:
        """Proves that a list may be read, by one object of it."""
        await self._call("list", path, query={"limit": "1", "labelSelector": selector})

    async def pages(
        self, path: str, keep: Callable[[Object], T | None], selector: str = "", *, metadata: bool = False
    ) -> AsyncGenerator[Page[T]]:
        """A list, in pages as large as its objects allow; `keep` says what is kept of each object, None for nothing.
        With `metadata`, objects have nothing but that. Raises Expired when a page's token is too old."""
        accept, token, pace = METADATA_ONLY if metadata else "", "", Pace()
        found: deque[Page[T]] = deque()  # `list` is a method here

        async def read(response: aiohttp.ClientResponse) -> Object:
            found.append(await read_page(response.content, keep, pace))
            return {}

        while True:
            asked = {"limit": str(pace.limit), "labelSelector": selector, "continue": token}
            query = {key: text for key, text in asked.items() if text}
            try:
                await self._call("list", path, query=query, accept=accept, read=read)
            except PageTooLarge:
                continue
            page = found.pop()
            yield page
            if not (token := page.token):
                return

    async def list(self, path: str, label_selector: str = "") -> AsyncIterator[Object]:
        """All items. When a token expires the list starts anew: items may then come twice."""
        for _ in range(_RELISTS):
            try:
                async for page in self.pages(path, lambda item: item, label_selector):
                    for item in page.items:
                        yield item
                return
            except Expired:
                continue
        raise Unavailable(f"list {path}", 410, "Expired", maybe_done=False)

    async def create(self, path: str, body: Mapping[str, Any], dry_run: bool = False) -> Object:
        """POST to a collection. Raises AlreadyExists."""
        return await self._call("create", path, body, {"dryRun": "All"} if dry_run else {})

    async def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        """PUT the whole object. With metadata.resourceVersion in the body a Conflict tells of somebody else's write.

        aiohttp sends a PUT once more when a kept-alive connection turns out to be closed, so a Conflict may also be
        the echo of our own write.
        """
        return await self._call("update", path, body)

    async def patch(self, path: str, body: Mapping[str, Any], content_type: str = MERGE_PATCH) -> Object:
        """PATCH, by default a JSON merge-patch."""
        return await self._call("patch", path, body, content_type=content_type)

    async def apply(self, path: str, body: Mapping[str, Any], force: bool = True) -> Object:
        """Server-side apply: we own exactly the fields that the body names."""
        return await self._call("apply", path, body, {"force": str(force).lower()}, APPLY_PATCH)

    async def delete(self, path: str, uid: str | None = None, resource_version: str | None = None) -> None:
        """DELETE; Conflict when the object has another uid or resourceVersion than the given ones."""
        wanted = {"uid": uid, "resourceVersion": resource_version}
        preconditions = {key: value for key, value in wanted.items() if value is not None}
        await self._call("delete", path, {"preconditions": preconditions} if preconditions else {})

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    async def _call(
        self,
        verb: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        *,
        accept: str = "",
        read: Read | None = None,
    ) -> Object:
        reads = verb in _READS
        query = dict(query or {})
        if not reads and verb != "delete":
            query["fieldManager"] = FIELD_MANAGER
        payload = None if body is None else json.dumps(body, separators=(",", ":")).encode()
        attempt, renewed, large = 0, False, payload is not None and len(payload) > LARGE
        most = LARGE if verb in _READS else MOST
        while True:
            try:
                async with self._turn(verb, path, large=large):
                    return await self._once(
                        verb, path, query, payload, content_type, accept=accept, read=read, most=MOST if large else most
                    )
            except TooLarge:
                large = True
            except Unauthorized:
                if renewed:
                    raise
                renewed = True
                await self.connection.reload()
            except KubeError as error:
                pause = retry_delay(error, reads, attempt)
                if pause is None:
                    raise
                attempt += 1
                await asyncio.sleep(pause * random.uniform(1.0, 1.5))  # noqa: S311 - many fail at once; they spread out

    @contextlib.asynccontextmanager
    async def _turn(self, verb: str, path: str, *, large: bool) -> AsyncIterator[None]:
        """What is large waits for its turn among such first, and holds no connection meanwhile."""
        call, seconds = f"{verb} {path}", self._timeout(verb).total or TIMEOUT
        first = self._large.turn(call, seconds) if large else contextlib.nullcontext()
        async with first, self._gate.turn(call, seconds):
            yield

    async def _once(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        payload: bytes | None,
        content_type: str,
        *,
        accept: str,
        read: Read | None,
        most: int,
    ) -> Object:
        url = self.connection.server + path + ("?" + urlencode(query) if query else "")
        headers = {"Accept-Encoding": "identity"}  # what is packed may be any size
        headers |= {} if payload is None else {"Content-Type": content_type}
        body = None if payload is None else Body(payload, self.time_for_writes or (lambda: None))
        if accept:
            headers["Accept"] = accept
        if (authorization := await self.connection.authorization()) is not None:
            headers["Authorization"] = authorization
        timeout = self._timeout(verb)
        call, started, status = f"{verb} {path}", time.monotonic(), 0
        try:
            async with self._session.request(
                _METHODS[verb],
                yarl.URL(url, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
                server_hostname=self.connection.server_hostname,
                timeout=timeout,
            ) as response:
                status = response.status
                if read is None or status >= 300:
                    return self._answer(call, response, await self._whole(call, response, started, most))
                self._note_date(response, started)
                return await self._in_pieces(call, response, read)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if body is not None and body.refused is not None:
                raise body.refused from None
            sent = not isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
            # `from None`: aiohttp's exceptions carry the request's headers, with our token.
            raise Unavailable(call, 0, type(error).__name__, maybe_done=sent) from None
        finally:
            if self.on_request is not None:
                self.on_request(verb, resource_of(path), status, time.monotonic() - started)

    async def _whole(self, call: str, response: aiohttp.ClientResponse, started: float, most: int) -> bytearray:
        try:
            raw = await read_body(response, most)
        except TooLarge:
            if most < MOST:
                raise  # it is asked for again, in its turn
            raise Unavailable(call, response.status, f"answer has more than {MOST} bytes", maybe_done=True) from None
        self._note_date(response, started)
        return raw

    def _note_date(self, response: aiohttp.ClientResponse, started: float) -> None:
        if self.on_date is not None:
            self.on_date(response.headers.get("Date", ""), time.monotonic() - started)

    async def _in_pieces(self, call: str, response: aiohttp.ClientResponse, read: Read) -> Object:
        try:
            return await read(response)
        except PageTooLarge:
            response.close()  # else what is left of it would be read
            raise
        except ValueError:
            raise Unavailable(call, response.status, "answer is not a list", maybe_done=True) from None

    def _timeout(self, verb: str) -> aiohttp.ClientTimeout:
        """A write that still waits for a connection when its time is over is not sent any more."""
        if self.time_for_writes is None or verb in _READS:
            return self._session.timeout
        return aiohttp.ClientTimeout(total=min(TIMEOUT, self.time_for_writes()), ceil_threshold=TIMEOUT)

    def _answer(self, call: str, response: aiohttp.ClientResponse, raw: bytearray) -> Object:
        try:
            parsed = json.loads(raw)
        except ValueError:
            parsed = None
        if response.status >= 300:
            answer = parsed if isinstance(parsed, dict) else {}
            raise error_from(call, response.status, answer, _seconds(response.headers.get("Retry-After")))
        if not isinstance(parsed, dict):
            raise Unavailable(call, response.status, "answer is not a JSON object", maybe_done=True)
        return parsed


def _seconds(header: str | None) -> float | None:
    return float(header) if header is not None and header.isdecimal() else None
