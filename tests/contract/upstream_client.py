"""A plain HTTP client of any upstream, or of a proxy before it; and the time that an upstream goes by."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp


class Watch:
    """A clock that a test sets. At first it is a minute to midnight, on a Wednesday."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Now."""
        return self.now


@dataclass(frozen=True, slots=True)
class Got:
    """An answer: `body` is the JSON, None where there was none."""

    status: int
    body: Any = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict)


class Caller:
    """Calls below one base URL. No call follows redirects, and each takes five seconds at most."""

    def __init__(self, session: aiohttp.ClientSession, url: str, credential: str) -> None:
        self._session, self._url, self._credential = session, url, credential

    async def __call__(
        self, method: str, path: str, body: object = None, bearer: str | None = None, **headers: str
    ) -> Got:
        """With the admin credential, or `bearer`; "" goes without any."""
        credential = self._credential if bearer is None else bearer
        authorized = headers | ({"Authorization": f"Bearer {credential}"} if credential else {})
        async with self._session.request(
            method, self._url + path, json=body, headers=authorized, allow_redirects=False
        ) as response:
            said = await response.json() if response.content_type == "application/json" else None
            return Got(response.status, said, dict(response.headers))


@asynccontextmanager
async def caller(url: str, credential: str = "") -> AsyncIterator[Caller]:
    """A client of that base URL."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield Caller(session, url, credential)
