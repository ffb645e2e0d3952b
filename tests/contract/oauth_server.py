"""A token endpoint for tests: RFC 6749 section 4.4, with the client in HTTP Basic."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import unquote

from aiohttp import web

CLIENT_ID, CLIENT_SECRET = "keypool operator", "canary-client:secret+1"


@dataclass
class OAuthServer:
    """Gives out what `make` makes. `asked` are the form fields of each request; `status` other than 200 refuses;
    `silent` lets requests hang, until it is over."""

    make: Callable[[], str]
    expires_in: float | None = 3600
    status: int = 200
    body: dict[str, object] | None = None
    client_secret: str = CLIENT_SECRET
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    silent: bool = False
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def token(self, request: web.Request) -> web.Response:
        """Section 4.4.2 and 4.4.3; section 5.2 for errors."""
        self.asked.append({str(name): str(value) for name, value in (await request.post()).items()})
        scheme, _, text = request.headers.get("Authorization", "").partition(" ")
        client = tuple(unquote(part) for part in base64.b64decode(text).decode().split(":"))
        if scheme != "Basic" or client != (CLIENT_ID, self.client_secret):
            return web.json_response({"error": "invalid_client"}, status=401)
        if self.silent:
            await self.over.wait()
        if self.status != 200:
            return web.json_response({"error": "invalid_scope"}, status=self.status)
        answer = {"access_token": self.make(), "token_type": "Bearer", "expires_in": self.expires_in}
        return web.json_response(self.body if self.body is not None else answer)


@asynccontextmanager
async def serving(server: OAuthServer) -> AsyncIterator[OAuthServer]:
    """The server on a free port of the loopback interface."""
    app = web.Application()
    app.router.add_post("/oauth2/token", server.token)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/oauth2/token"
    try:
        yield server
    finally:
        server.over.set()
        await runner.cleanup()
