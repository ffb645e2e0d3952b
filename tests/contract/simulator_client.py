"""A plain HTTP client of the simulator, as a workload or an administrator would be."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp

CHAT = {"model": "deepseek-chat", "messages": [{"role": "user", "content": "hello"}]}


class Client:
    """Calls one simulator at its base URL; answers are (status, parsed JSON or None)."""

    def __init__(self, session: aiohttp.ClientSession, url: str, admin_key: str) -> None:
        self._session, self._url, self._admin_key = session, url, admin_key

    async def admin(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """A call with the admin key, below /v1, or below /_lab where the path says so."""
        url = self._url.removesuffix("/v1") + path if path.startswith("/_lab") else self._url + path
        return await self._send(method, url, self._admin_key, body, headers)

    async def create(self, **terms: object) -> dict[str, Any]:
        """Creates a key and returns the answer."""
        status, key = await self.admin("POST", "/keys", {"name": "n", **terms})
        assert status == 201, key
        return dict(key)

    async def chat(self, value: str) -> tuple[int, Any]:
        """Uses a key."""
        return await self._send("POST", f"{self._url}/chat/completions", value, CHAT, {})

    async def embed(self, value: str, text: str = "hello") -> tuple[int, Any]:
        """Uses a key for embeddings."""
        return await self._send("POST", f"{self._url}/embeddings", value, {"model": "m", "input": text}, {})

    async def valid(self, value: str) -> bool:
        """Asks whether a key is valid."""
        _, answer = await self.admin("GET", "/keys/validate", **{"X-API-Key": value})
        return bool(answer["is_valid"])

    async def listed(self) -> list[str]:
        """The ids that are listed."""
        _, answer = await self.admin("GET", "/keys")
        return [key["id"] for key in answer["keys"]]

    async def _send(
        self, method: str, url: str, credential: str, body: object, headers: dict[str, str]
    ) -> tuple[int, Any]:
        authorized = {"Authorization": f"Bearer {credential}", **headers}
        async with self._session.request(method, url, json=body, headers=authorized) as response:
            is_json = response.content_type == "application/json"
            return response.status, await response.json() if is_json else None


@asynccontextmanager
async def client_of(url: str, admin_key: str) -> AsyncIterator[Client]:
    """A client with a deadline of five seconds for each call."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        yield Client(session, url, admin_key)
