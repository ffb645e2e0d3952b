"""A provider without a key API, like DeepSeek: people make keys in its console, and a test stands in for them.

`GET /user/balance` and `GET /models` take a key as bearer: https://api-docs.deepseek.com/api/get-user-balance,
https://api-docs.deepseek.com/api/list-models. A wrong key is 401, an empty balance 402
(https://api-docs.deepseek.com/quick_start/error_codes); the shape of these errors is an assumption.
"""

import secrets
from collections.abc import Iterable

from aiohttp import web

from tests.upstreams.server import CHAT_ANSWER, Clock, Refused, Server, bearer, fingerprint, now


class Plain(Server):
    """`values` are the keys that people made; `available` is False when the balance is used up, `down` while nothing is
    answered properly."""

    def __init__(self, values: Iterable[str] = (), clock: Clock = now) -> None:
        super().__init__(clock)
        self._values = {fingerprint(value): value for value in values}
        self.available = True
        self.down = False

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        return (
            web.get("/user/balance", self._balance),
            web.get("/models", self._models),
            web.post("/chat/completions", self._chat),
        )

    def refusal(self, status: int, message: str) -> Refused:
        kind = "authentication_error" if status == 401 else "invalid_request_error"
        return Refused(status, {"error": {"message": message, "type": kind, "param": None, "code": kind}})

    async def live_fingerprints(self) -> frozenset[str]:
        """Of all keys."""
        return frozenset(self._values)

    async def make_foreign_key(self, name: str) -> str:
        """A key made in the console, whose handle is its fingerprint; see `value_of`."""
        value = f"sk-{secrets.token_hex(16)}"
        self._values[fingerprint(value)] = value
        return fingerprint(value)

    def value_of(self, handle: str) -> str:
        """What a person copies from the console."""
        return self._values[handle]

    async def end_key_outside(self, handle: str) -> None:
        """Deleted in the console. Raises KeyError where there is none."""
        del self._values[handle]

    def _check(self, request: web.Request) -> None:
        if self.down:
            raise self.refusal(503, "Service overloaded")
        if fingerprint(bearer(request)) not in self._values:
            raise self.refusal(401, "Authentication Fails (no such user)")

    async def _balance(self, request: web.Request) -> web.Response:
        self._check(request)
        total = "110.00" if self.available else "0.00"
        info = {"currency": "USD", "total_balance": total, "granted_balance": "0.00", "topped_up_balance": total}
        return web.json_response({"is_available": self.available, "balance_infos": [info]})

    async def _models(self, request: web.Request) -> web.Response:
        self._check(request)
        model = {"id": "deepseek-chat", "object": "model", "owned_by": "deepseek"}
        return web.json_response({"object": "list", "data": [model]})

    async def _chat(self, request: web.Request) -> web.Response:
        self._check(request)
        if not self.available:
            raise self.refusal(402, "Insufficient Balance")
        return web.json_response(CHAT_ANSWER)
