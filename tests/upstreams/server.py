"""What the small servers have in common: loopback, one admin credential, refusals in the provider's own shape."""

import hashlib
import json
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Self

from aiohttp import web
from aiohttp.typedefs import Handler

Clock = Callable[[], datetime]


def now() -> datetime:
    """The time, in UTC."""
    return datetime.now(UTC)


def fingerprint(value: str) -> str:
    """How keypool names a value; written anew here, so that the tests do not trust what they test."""
    return hashlib.sha256(value.encode()).hexdigest()[:12]


class Refused(Exception):
    """Answers with an error instead of going on."""

    def __init__(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status)
        self.status, self.body, self.headers = status, body, headers


class Server(ABC):
    """`async with Server() as server:` serves until the block ends. Keys live in memory and nowhere else."""

    base_path = ""
    admin_prefix = ""

    def __init__(self, clock: Clock = now) -> None:
        self.clock = clock
        self.admin_credential = self.admin_prefix + secrets.token_hex(24) if self.admin_prefix else ""
        self.admin_expired = False
        self._port = 0

    @abstractmethod
    def routes(self) -> Iterable[web.AbstractRouteDef]:
        """The calls, below `base_path`."""

    @abstractmethod
    def refusal(self, status: int, message: str) -> Refused:
        """An error in the provider's shape."""

    async def __aenter__(self) -> Self:
        app = web.Application(middlewares=[self._refuse_in_shape])
        app.add_routes(self.routes())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def url(self) -> str:
        """The base URL, path included."""
        return f"http://127.0.0.1:{self._port}{self.base_path}"

    async def expire_admin(self) -> None:
        """The admin credential is refused from now on."""
        self.admin_expired = True

    async def restore_admin(self) -> None:
        """The same admin credential is accepted again."""
        self.admin_expired = False

    def is_admin(self, request: web.Request) -> bool:
        """Whether the call carries the admin credential, and that is accepted now."""
        return bool(self.admin_credential) and bearer(request) == self.admin_credential and not self.admin_expired

    async def fields_of(self, request: web.Request) -> dict[str, Any]:
        """The body, which must be a JSON object; an empty one has no fields."""
        try:
            body = json.loads(await request.read() or b"{}")
        except ValueError:
            raise self.refusal(400, "The body is not JSON") from None
        if not isinstance(body, dict):
            raise self.refusal(400, "The body must be a JSON object")
        return body

    @web.middleware
    async def _refuse_in_shape(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            refused = self.refusal(error.status, error.reason)
        except Refused as error:
            refused = error
        return web.json_response(refused.body, status=refused.status, headers=refused.headers)


def bearer(request: web.Request) -> str:
    """The credential in `Authorization: Bearer …`, "" when there is none."""
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    return credential.strip() if scheme.lower() == "bearer" else ""


CHAT_ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 0,
    "model": "any",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
"""What every chat completion answers."""
