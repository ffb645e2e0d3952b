"""Providers that say nothing, and hosts that nobody knows: kinds 4 and 5."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.abuse.accounts import account
from tests.abuse.attacker import Attacker
from tests.abuse.attacks.attack import Attack
from tests.cluster.team import Object, pool_manifest
from tests.upstreams.server import Refused, Server

DEAD = 12
DEAD_DOMAIN = "dead.test"
"""No name below it is ever answered; see `names`."""


class Silent(Server):
    """Takes every call and says nothing. `url_of` gives each provider a path of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._over = asyncio.Event()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (web.route("*", "/{path:.*}", self._hang),)

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(status, {"error": message})

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await super().__aexit__()

    async def _hang(self, request: web.Request) -> web.Response:
        await self._over.wait()
        return web.json_response({}, status=503)


def silent_accounts(server: Silent, count: int) -> Iterable[Object]:
    """Accounts at it."""
    for number in range(count):
        yield from account(f"silent-{number}", f"{server.url}/{number}", "unused")


def dead_accounts() -> Iterable[Object]:
    """Accounts at hosts whose names are looked up in vain."""
    for number in range(DEAD):
        yield from account(f"dead-{number}", f"https://host-{number}.{DEAD_DOMAIN}", "unused")


def pools_of(providers: str, count: int) -> list[Object]:
    """A pool for each of the providers `NAME-0` to `NAME-(count-1)`."""
    return [pool_manifest(f"{providers}-{each}", providerRef={"name": f"{providers}-{each}"}) for each in range(count)]


def silent(count: int) -> Attack:
    """So many providers, each with a pool."""

    @asynccontextmanager
    async def begin(attacker: Attacker) -> AsyncIterator[None]:
        async with Silent() as server:
            await attacker.put(silent_accounts(server, count))
            await attacker.put(pools_of("silent", count))
            yield

    return Attack(f"4: {count} providers that answer slowly", begin)


@asynccontextmanager
async def dead_names(attacker: Attacker) -> AsyncIterator[None]:
    """Twelve providers whose host names nobody answers."""
    await attacker.put(dead_accounts())
    await attacker.put(pools_of("dead", DEAD))
    yield


PROVIDERS = (silent(100), silent(220), Attack("5: 12 host names that are never answered", dead_names, names=True))
