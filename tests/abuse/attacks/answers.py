"""Endpoints that answer too much, numbers that are none, and no HTTP: kinds 1, 6 and 7."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.abuse.accounts import account
from tests.abuse.attacker import Attacker
from tests.abuse.attacks.attack import Attack
from tests.cluster.team import pool_manifest
from tests.upstreams.server import Refused, Server
from tests.upstreams.webhook_upstream import Webhook
from tests.waiting import eventually

MIB = 1024 * 1024
CREDENTIAL = "the-attackers-own"
POOL = "wild"


class Endless(Server):
    """Answers every call with `pages`, one after the other; `{page}` in it is the page's number."""

    def __init__(self, page: Callable[[int], bytes]) -> None:
        super().__init__()
        self._page, self._asked = page, 0

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (web.route("*", "/keypool/v1/capabilities", self._capabilities), web.route("*", "/{path:.*}", self._any))

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(status, {"error": message})

    async def _capabilities(self, request: web.Request) -> web.Response:
        return web.json_response({"protocol": 1, "account": "one", "capabilities": {}})

    async def _any(self, request: web.Request) -> web.Response:
        self._asked += 1
        return web.Response(body=self._page(self._asked), content_type="application/json")


def crowded_page(_: int) -> bytes:
    """A listing of HolySheep just below 16 MiB: 1.5 million entries."""
    return b'{"keys":[' + b",".join([b'{"id":"a"}'] * (16 * MIB // 11 - 10)) + b"]}"


def any_llm_page(number: int) -> bytes:
    """One of pages without end: each has entries that no other has."""
    padding = "x" * 1000
    keys = ({"id": f"{number}-{key}", "key_name": padding, "is_active": True} for key in range(8000))
    return json.dumps(list(keys)).encode()


def webhook_page(number: int) -> bytes:
    """Just below 1 MiB, and there is always a next one."""
    keys = [{"id": f"{number}-{key}", "name": "", "active": True} for key in range(25_000)]
    return json.dumps({"keys": keys, "next": f"p{number}"}, separators=(",", ":")).encode()


def too_much(name: str, kind: str, page: Callable[[int], bytes]) -> Attack:
    """A provider whose listing is more than anybody can read."""

    @asynccontextmanager
    async def begin(attacker: Attacker) -> AsyncIterator[None]:
        whole = page(1) if page is crowded_page else b""
        async with Endless((lambda _: whole) if whole else page) as server:
            await attacker.put(account("wild", server.url, CREDENTIAL, kind))
            yield

    return Attack(name, begin, weighs=False)


class Wild(Webhook):
    """Keeps keys as it should, and tells nonsense of how they were used."""

    def __init__(self, usage: str) -> None:
        super().__init__()
        self._usage = usage

    async def _serve(self, request: web.Request) -> web.Response:
        if request.path.endswith("/usage"):
            return web.Response(text=self._usage, content_type="application/json")
        return await super()._serve(request)


def nonsense(name: str, usage: str) -> Attack:
    """A pool that lives while its provider tells such usage, and one that is deleted meanwhile."""

    @asynccontextmanager
    async def begin(attacker: Attacker) -> AsyncIterator[None]:
        async with Wild(usage) as server:
            options: dict[str, Any] = {"capabilities": ["tellsUsage"]}
            await attacker.put(account("wild", server.url, server.admin_credential, "webhook", **options))
            pools = [pool_manifest(f"{POOL}-{number}", providerRef={"name": "wild"}) for number in range(4)]
            await attacker.put(pools)
            await made(attacker, 4)
            await attacker.delete(f"{POOL}-0")
            yield

    return Attack(name, begin, weighs=False, ends=has_gone)


async def made(attacker: Attacker, pools: int) -> None:
    """Waits until the attacker's pools have keys, if keypool looks at them at all."""
    if attacker.decoy:
        return

    async def have_keys() -> bool:
        return sum(bool(status.get("keys")) for status in (await attacker.statuses()).values()) >= pools

    with contextlib.suppress(AssertionError):
        await eventually(have_keys, 10, "the attacker's pools have keys")


async def has_gone(attacker: Attacker) -> list[str]:
    """The pool that was deleted is gone when its keys are owed, a minute after the deletion at the latest."""

    async def gone() -> bool:
        return f"{POOL}-0" not in await attacker.statuses()

    try:
        await eventually(gone, 25, "the deleted pool is gone")
    except AssertionError:
        return ["the pool that was deleted is still there: its finalizer never went"]
    return []


class BadStatus:
    """A server whose status line has a byte that no client may send back, as some old ones have."""

    LINE = b"HTTP/1.1 500 Fehler \xfcberall\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"

    async def __aenter__(self) -> "BadStatus":
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(self.LINE)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def no_http(attacker: Attacker) -> AsyncIterator[None]:
    """A pool at a provider whose answers are no HTTP; it is deleted."""
    async with BadStatus() as server:
        await attacker.put(account("wild", server.url, CREDENTIAL))
        await attacker.put([pool_manifest(f"{POOL}-{number}", providerRef={"name": "wild"}) for number in range(4)])
        await asyncio.sleep(2)
        await attacker.delete(f"{POOL}-0")
        yield


CROWDED = too_much("1: a listing of 16 MB", "holySheep", crowded_page)
ANSWERS = (
    CROWDED,
    too_much("1: any-llm's pages have no end", "anyLLM", any_llm_page),
    too_much("1: the webhook's 1,000 pages of 1 MiB", "webhook", webhook_page),
    nonsense("6: requests of 10^400", f'{{"requests": 1{"0" * 400}}}'),
    Attack("7: a status line with a byte above 0x7f", no_http, weighs=False, ends=has_gone),
    nonsense("7: spend of 9e+999999", '{"spend": "9e+999999"}'),
    nonsense("7: requests of 4,300 digits", f'{{"requests": {"9" * 4300}}}'),
)
