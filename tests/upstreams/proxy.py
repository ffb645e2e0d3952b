"""One proxy for all faults: it stands between any adapter and any upstream, and spoils the calls that a test names.

It knows nothing of providers. What passes through is noted as method, path and status, never headers, bodies or
query strings: those hold credentials and keys.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

from tests.upstreams.spoilt import Answer, closes_within, drip, huge

DEADLINE = aiohttp.ClientTimeout(total=60)
_HOP_BY_HOP = {
    "connection", "content-encoding", "content-length", "date", "host", "keep-alive", "server", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Lose:
    """The upstream does its work and answers; the connection ends without a word of it. Clients send reads and
    deletes again on their own when a kept connection ends, and may then never notice: plan it twice for those."""


@dataclass(frozen=True, slots=True)
class Say:
    """Answers this instead; the upstream hears of the call only if `forward`, and its answer is dropped."""

    status: int = 200
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    forward: bool = False


@dataclass(frozen=True, slots=True)
class Truncate:
    """The first half of the upstream's body, with the Content-Length of that half."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """302 to the very same URL."""


@dataclass(frozen=True, slots=True)
class Huge:
    """Endless-looking JSON of `size` bytes; ends when the client has had enough."""

    size: int = 1024**3


@dataclass(frozen=True, slots=True)
class Drip:
    """The upstream's answer, one byte every `seconds`."""

    seconds: float = 1.0


@dataclass(frozen=True, slots=True)
class Delay:
    """Forwards after `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The upstream gets the request twice; the client sees the second answer."""


Fault = Lose | Say | Truncate | Redirect | Huge | Drip | Delay | Duplicate

MALFORMED = Say(body='{"keys": [}', forward=True)
HTML = Say(body="<!doctype html><title>Sign in</title>", headers={"Content-Type": "text/html"}, forward=True)
WRONG_TYPE = Say(body='{"keys": []}', headers={"Content-Type": "application/octet-stream"}, forward=True)
FAILED = Say(500, '{"error": "internal"}')


def throttled(retry_after: str | None = None) -> Say:
    """429, with this Retry-After if any."""
    headers = {"Content-Type": "application/json"}
    return Say(429, '{"error": "slow down"}', headers | ({"Retry-After": retry_after} if retry_after else {}))


@dataclass(frozen=True, slots=True)
class Seen:
    """One call that came in. `path` without the query; `status` None where no status was sent."""

    method: str
    path: str
    status: int | None


@dataclass(frozen=True, slots=True)
class _Planned:
    method: str
    path: re.Pattern[str]
    fault: Fault
    times: int


class FaultProxy:
    """`async with FaultProxy(upstream.url) as proxy:` forwards until the block ends; adapters are given `proxy.url`."""

    def __init__(self, target: str) -> None:
        self._target = URL(target)
        self._planned: list[_Planned] = []
        self._closing = asyncio.Event()
        self._spoilt_credential = ""
        self.seen: list[Seen] = []

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{any:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, auto_decompress=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._session = aiohttp.ClientSession(
            timeout=DEADLINE, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar()
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing.set()
        await self._session.close()
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL in the place of the upstream's."""
        port = self._runner.addresses[0][1]
        return str(self._target.with_host("127.0.0.1").with_scheme("http").with_port(port)).rstrip("/")

    def next(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        """The next `times` requests with this method, and a path that this regular expression is found in, meet
        `fault`. Faults are tried in the order in which they were planned."""
        self._planned.append(_Planned(method, re.compile(path), fault, times))

    def spoil_credential(self, credential: str | None) -> None:
        """Calls with this bearer credential reach the upstream with another one; None: with their own again."""
        self._spoilt_credential = credential or ""

    @property
    def pending(self) -> tuple[Fault, ...]:
        """Faults that no request has met yet."""
        return tuple(planned.fault for planned in self._planned)

    def calm(self) -> None:
        """Forgets what is still planned."""
        self._planned.clear()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        fault = self._take(request)
        status: int | None = None
        try:
            answer = await self._meet(fault, request, body)
            status = answer.status if answer is not None else None
        except (aiohttp.ClientError, TimeoutError):
            answer = None  # the upstream is gone; so is the connection
        finally:
            self.seen.append(Seen(request.method, request.rel_url.raw_path, status))
        return answer if answer is not None else _cut(request)

    def _take(self, request: web.Request) -> Fault | None:
        for index, planned in enumerate(self._planned):
            if planned.method == request.method and planned.path.search(request.rel_url.raw_path):
                left = [replace(planned, times=planned.times - 1)] if planned.times > 1 else []
                self._planned[index : index + 1] = left
                return planned.fault
        return None

    async def _meet(self, fault: Fault | None, request: web.Request, body: bytes) -> web.StreamResponse | None:
        match fault:
            case Redirect():
                return web.Response(status=302, headers={"Location": request.path_qs})
            case Huge(size):
                return await huge(request, size, self._closing)
            case Say(status, text, headers, forward):
                if forward:
                    await self._forward(request, body)
                return web.Response(status=status, body=text.encode(), headers=headers)
            case Delay(seconds):
                if await closes_within(seconds, self._closing):
                    return None
            case Duplicate():
                await self._forward(request, body)
        return await self._pass(fault, request, await self._forward(request, body))

    async def _pass(self, fault: Fault | None, request: web.Request, answer: Answer) -> web.StreamResponse | None:
        match fault:
            case Lose():
                return None
            case Truncate():
                half = answer.body[: len(answer.body) // 2]
                return web.Response(status=answer.status, body=half, headers=answer.headers)
            case Drip(seconds):
                return await drip(request, answer, seconds, self._closing)
        return web.Response(status=answer.status, body=answer.body, headers=answer.headers)

    async def _forward(self, request: web.Request, body: bytes) -> Answer:
        url = URL(f"{self._target.origin()}{request.raw_path}", encoded=True)
        headers = _end_to_end(request.headers) | {"Accept-Encoding": "identity"}
        if self._spoilt_credential and headers.get("Authorization") == f"Bearer {self._spoilt_credential}":
            headers["Authorization"] = "Bearer sk-expired-0123456789"
        async with self._session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        ) as response:
            return Answer(response.status, _end_to_end(response.headers), await response.read())


def _end_to_end(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _HOP_BY_HOP}


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
