"""The read-only page for people: `GET /_keypool` on the loopback port. It has no values."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from keypool_client import __version__
from keypool_client.keys import Pools
from keypool_client.model import Pool
from keypool_client.relay import handing
from keypool_client.wire.errors import Refusal
from keypool_client.wire.guard import fault_in_sender

PATH = "/_keypool"
NO_FILE = "no keys.json could be read yet: see the relay's log, and whether the Secret POOL-relay is mounted"


class Page:
    """What the relay knows at this moment."""

    def __init__(self, known: Callable[[], Pools], numbers: Callable[[], dict[str, Any]]) -> None:
        self._known, self._numbers = known, numbers

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The page, for who may ask."""
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        if fault := fault_in_sender(headers):
            return handing.own(Refusal(*fault))
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        known = self._known()
        told = {"version": __version__, "troubles": list(known.troubles), **self._numbers()}
        return web.json_response(told | {"pools": [_pool(pool) for pool in known.pools]}, dumps=_indented)


def _indented(told: object) -> str:
    return json.dumps(told, indent=2) + "\n"


def _pool(pool: Pool) -> dict[str, Any]:
    return {
        "name": pool.name,
        "provider": pool.provider,
        "dialects": list(pool.dialects),
        "endpoints": [{"name": each.name, "bases": dict(each.bases)} for each in pool.endpoints],
        "keys": [{"id": each.id, "endpoints": list(each.endpoints)} for each in pool.keys],
    }
