"""The read-only pages: `GET /_keypool` and `/_keypool/table` on the loopback port. They have no values."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from keypool_client import __version__
from keypool_client.keys import Pools
from keypool_client.model import Pool
from keypool_client.policy.choosing import Chooser
from keypool_client.relay import handing, table
from keypool_client.wire.errors import Refusal
from keypool_client.wire.guard import fault_in_sender

PATH, TABLE = "/_keypool", "/_keypool/table"
PATHS = frozenset({PATH, TABLE})
NO_FILE = "no keys.json could be read yet: see the relay's log, and whether the Secret POOL-relay is mounted"


class Page:
    """What the relay knows at this moment."""

    def __init__(self, known: Callable[[], Pools], numbers: Callable[[], dict[str, Any]], chooser: Chooser) -> None:
        self._known, self._numbers, self._chooser = known, numbers, chooser

    def _state(self, now: float, troubles: tuple[str, ...]) -> str:
        return table.as_table(self._chooser.view(now), self._chooser.reports(now), troubles)

    def answer(self, request: web.BaseRequest, now: float) -> web.Response:
        """The page, for who may ask. `now`: monotonic seconds."""
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        if fault := fault_in_sender(headers):
            return handing.own(Refusal(*fault))
        if request.method not in {"GET", "HEAD"}:
            return web.Response(status=405, headers={"Allow": "GET, HEAD"})
        known = self._known()
        if request.raw_path == TABLE:
            return web.Response(text=self._state(now, known.troubles))
        state = table.as_json(self._chooser.view(now), self._chooser.reports(now), now)
        told = {"version": __version__, "troubles": list(known.troubles), **self._numbers(), **state}
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
