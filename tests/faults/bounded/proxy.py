"""A proxy between the operator and the API server that refuses, cuts, delays, and spoils watches, as its rules say."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
import yaml
from aiohttp import web

from keypool.cluster.paths import resource_of
from keypool_lab.controlplane.cluster import Cluster
from keypool_lab.controlplane.material import write_private

Effect = Literal["refuse", "cut", "cut after", "delay", "replay", "swallow", "repeat", "truncate", "error"]
ON_FRAMES: frozenset[str] = frozenset({"swallow", "repeat", "truncate", "error"})
_FORWARDED = ("Authorization", "Content-Type", "Accept", "Accept-Encoding", "User-Agent")
_RETURNED = ("Content-Type", "Content-Encoding", "Retry-After")
_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


@dataclass
class Rule:
    """What happens to the requests that match, from the one after `skip` on, to `count` of them (None: all).

    refuse: answers `status` with `retry_after`; cut: ends the connection before, or after, the API server did it;
    delay: waits `seconds` first; replay: answers `body` (as recorded in `Proxy.lists`). Of watches, frame by frame:
    swallow, repeat (each twice), truncate (half of it, then the connection ends), error (of `status`, in its place).
    Empty `verbs`, `resources`: any.
    """

    effect: Effect
    verbs: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    but: tuple[str, ...] = ()
    skip: int = 0
    count: int | None = None
    status: int = 503
    retry_after: str | None = None
    seconds: float = 0.0
    body: bytes = field(default=b"", repr=False)
    met: int = 0

    def meets(self, verb: str, resource: str) -> bool:
        """Whether it applies to this request or frame, which it counts."""
        wanted = (not self.verbs or verb in self.verbs) and (not self.resources or resource in self.resources)
        if not wanted or resource in self.but:
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.count is not None and self.met >= self.count:
            return False
        self.met += 1
        return True


@dataclass(frozen=True)
class Seen:
    """A request that came: `size` bytes were answered (of a watch, none are counted)."""

    verb: str
    resource: str
    path: str
    selector: str
    status: int
    size: int
    dry_run: bool


class Proxy:
    """`async with Proxy(cluster) as proxy`; give the operator `proxy.kubeconfig(…)`. Serves http on loopback."""

    def __init__(self, cluster: Cluster) -> None:
        self._upstream = cluster.url
        self._ssl = ssl.create_default_context(cafile=str(cluster.ca_path))
        self._watches: dict[int, web.Request] = {}
        self._handling: set[asyncio.Task[Any]] = set()
        self.rules: list[Rule] = []
        self.seen: list[Seen] = []
        self.lists: dict[str, bytes] = {}
        """The first answer to a list of each resource."""

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._ssl)
        timeout = aiohttp.ClientTimeout(total=None)
        self._session = aiohttp.ClientSession(connector=connector, timeout=timeout, auto_decompress=False)
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        for handling in (tasks := tuple(self._handling)):  # aiohttp leaves those whose client is gone
            handling.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.hang_up()
        await self._runner.cleanup()
        await self._session.close()

    def kubeconfig(self, original: Path) -> Path:
        """A copy of a kubeconfig, beside it, that leads through the proxy."""
        config = yaml.safe_load(original.read_text())
        config["clusters"][0]["cluster"] = {"server": self.url}
        return write_private(original.with_name(f"{original.name}.{self.url.rsplit(':', 1)[1]}"), json.dumps(config))

    def add(self, effect: Effect, **given: Any) -> Rule:
        """Switches a rule on."""
        self.rules.append(Rule(effect, **given))
        return self.rules[-1]

    def hang_up(self) -> None:
        """Ends all watches that are open."""
        for request in tuple(self._watches.values()):
            if request.transport is not None:
                request.transport.abort()

    def requests(self, *verbs: str) -> list[Seen]:
        """Those that came, but for the Lease's and dry runs: the operator tries by one whether a policy holds it, at
        times of its own."""
        wanted = (one for one in self.seen if one.resource != "leases" and not one.dry_run)
        return [one for one in wanted if not verbs or one.verb in verbs]

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handling.add(task)
        try:
            return await self._answer(request)
        finally:
            self._handling.discard(task)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        verb, resource = _verb(request), resource_of(request.path)
        rule = _first(self.rules, verb, resource, frames=False)
        status, size = 0, 0
        try:
            if rule is not None and rule.effect in {"refuse", "cut", "replay"}:
                answer: web.StreamResponse = _instead(rule, request)
            else:
                await asyncio.sleep(rule.seconds if rule is not None and rule.effect == "delay" else 0)
                answer = await self._pass_on(request, verb, resource)
                if rule is not None and rule.effect == "cut after":
                    answer = _cut(request)
            status = answer.status
            size = len(answer.body) if isinstance(answer, web.Response) and isinstance(answer.body, bytes) else 0
        finally:
            selector = request.query.get("labelSelector", "")
            dry_run = "dryRun" in request.query
            self.seen.append(Seen(verb, resource, request.path, selector, status, size, dry_run))
        return answer

    async def _pass_on(self, request: web.Request, verb: str, resource: str) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in _FORWARDED if name in request.headers}
        if verb == "watch":
            headers["Accept-Encoding"] = "identity"
        body, url = await request.read(), self._upstream + request.path_qs
        async with self._session.request(request.method, url, data=body or None, headers=headers) as upstream:
            returned = {name: upstream.headers[name] for name in _RETURNED if name in upstream.headers}
            if verb == "watch" and upstream.status == 200:
                return await self._stream(request, upstream, resource, returned)
            raw = await upstream.read()
            if verb == "list" and "Content-Encoding" not in returned:
                self.lists.setdefault(resource, raw)
            return web.Response(status=upstream.status, body=raw, headers=returned)

    async def _stream(
        self, request: web.Request, upstream: aiohttp.ClientResponse, resource: str, headers: dict[str, str]
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers=headers)
        self._watches[id(request)] = request
        try:
            await response.prepare(request)
            rest = b""
            async for chunk in upstream.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    rule = _first(self.rules, "watch", resource, frames=True)
                    await response.write(_spoilt(rule, line + b"\n"))
                    if rule is not None and rule.effect == "truncate":
                        return _cut(request)
        except ConnectionError:
            return response
        finally:
            self._watches.pop(id(request), None)
        with contextlib.suppress(ConnectionError):
            await response.write_eof()
        return response


def _verb(request: web.Request) -> str:
    if request.method != "GET":
        return _VERBS.get(request.method, request.method)
    if "watch" in request.query:
        return "watch"
    return "list" if request.path.endswith(f"/{resource_of(request.path)}") else "get"


def _first(rules: Iterable[Rule], verb: str, resource: str, *, frames: bool) -> Rule | None:
    fitting = (rule for rule in rules if (rule.effect in ON_FRAMES) == frames)
    return next((rule for rule in fitting if rule.meets(verb, resource)), None)


def _instead(rule: Rule, request: web.Request) -> web.StreamResponse:
    if rule.effect == "cut":
        return _cut(request)
    if rule.effect == "replay":
        return web.Response(body=rule.body, content_type="application/json")
    headers = {"Retry-After": rule.retry_after} if rule.retry_after is not None else None
    reason = "TooManyRequests" if rule.status == 429 else "ServiceUnavailable"
    return web.json_response({"kind": "Status", "reason": reason}, status=rule.status, headers=headers)


def _cut(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _spoilt(rule: Rule | None, frame: bytes) -> bytes:
    if rule is None:
        return frame
    match rule.effect:
        case "swallow":
            return b""
        case "repeat":
            return frame + frame
        case "truncate":
            return frame[: len(frame) // 2]
        case "error":
            return json.dumps({"type": "ERROR", "object": {"kind": "Status", "code": rule.status}}).encode() + b"\n"
    return frame
