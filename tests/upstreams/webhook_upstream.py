"""The example server of the webhook protocol, as the contract suite drives it."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from tests.upstreams.server import Clock, Refused, Server, fingerprint, now
from tests.upstreams.webhook import create, in_seconds, serve


class Webhook(Server):
    """`tokens` are accepted beside the admin credential, such as those that an OAuth server issued."""

    admin_prefix = "webhook-"

    def __init__(self, clock: Clock = now) -> None:
        super().__init__(clock)
        self._keys: dict[str, dict[str, Any]] = {}
        self.tokens: set[str] = set()

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (web.route("*", "/keypool/v1/{path:.*}", self._serve),)

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(status, {"error": message})

    async def _serve(self, request: web.Request) -> web.Response:
        return await serve(
            request, self.tokens | ({self.admin_credential} if not self.admin_expired else set()), self._keys
        )

    async def live_fingerprints(self) -> frozenset[str]:
        """Of the keys that are active, and neither deleted nor expired."""
        keys = (key for key in self._keys.values() if key["active"] and not key["deleted"])
        return frozenset(fingerprint(key["value"]) for key in keys if key["expiresAt"] > in_seconds(0))

    async def make_foreign_key(self, name: str) -> str:
        """A key that somebody else made."""
        return str(create(self._keys, {"name": name})[1]["id"])

    async def end_key_outside(self, handle: str) -> None:
        """Deleted behind keypool's back. Raises KeyError where there is none."""
        if self._keys[handle]["deleted"]:
            raise KeyError(handle)
        self._keys[handle]["deleted"] = True

    def spend(self, handle: str, amount: float) -> None:
        """A workload spent so much."""
        self._keys[handle]["spend"] += amount

    def expire(self, handle: str) -> None:
        """The key's lifetime is over."""
        self._keys[handle]["expiresAt"] = in_seconds(-1)
