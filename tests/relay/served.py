"""A relay of this process over a mounted folder, and what a plain client gets from it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientPayloadError, ClientSession, ClientTimeout

from keypool_client.relay.running import Running
from keypool_client.relay.settings import Settings

ASKED = {"model": "m", "messages": [{"role": "user", "content": "well?"}]}
HEADERS = {"Authorization": "Bearer any-text-will-do"}
LONGEST = ClientTimeout(total=60)
"""Far more than anything here takes: a request that hangs fails its test."""


@dataclass
class Told:
    """An answer as the client sees it."""

    status: int
    headers: dict[str, str]
    body: bytes
    cut: bool
    """The transfer was broken before its end."""

    @property
    def error(self) -> dict[str, Any]:
        """The error's object."""
        return dict(json.loads(self.body)["error"])

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.error.get("code"))


@dataclass
class Served:
    """A relay with a client."""

    running: Running
    session: ClientSession

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.running.port}"

    async def ask(self, path: str = "/v1/chat/completions", method: str = "POST", **more: Any) -> Told:
        """One request; a chat, unless it is told otherwise."""
        if method == "POST" and not {"data", "json"} & more.keys():
            more["json"] = ASKED | more.pop("asked", {})
        headers = HEADERS | more.pop("headers", {})
        async with self.session.request(method, self.url + path, headers=headers, **more) as answer:
            return await told(answer)

    async def metrics(self) -> str:
        """As Prometheus reads them."""
        async with self.session.get(f"http://127.0.0.1:{self.running.health_port}/metrics") as answer:
            return await answer.text()


def chat(**more: Any) -> bytes:
    """A request as it stands on the wire, for tests that leave in the middle."""
    body = json.dumps(ASKED | more).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer x\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


async def told(answer: Any) -> Told:
    """All that comes, even where it is cut."""
    got = bytearray()
    try:
        async for piece in answer.content.iter_any():
            got += piece
    except (ClientPayloadError, ConnectionError):
        return Told(answer.status, dict(answer.headers), bytes(got), cut=True)
    return Told(answer.status, dict(answer.headers), bytes(got), cut=False)


@asynccontextmanager
async def relay(folder: Path, environ: dict[str, str] | None = None, **variables: str) -> AsyncIterator[Served]:
    """Serves at free ports. `listen_port="1"` stands for KEYPOOL_RELAY_LISTEN_PORT=1."""
    ports = {"listen_port": "0", "health_port": "0"}
    told = {f"KEYPOOL_RELAY_{name.upper()}": value for name, value in (ports | variables).items()}
    async with (
        Running(Settings.read(told | (environ or {})), folder, lambda: 0.5, environ or {}) as running,
        ClientSession(timeout=LONGEST, auto_decompress=False) as session,
    ):
        yield Served(running, session)
