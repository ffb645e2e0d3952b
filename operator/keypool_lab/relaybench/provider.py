"""The provider simulator in a process of its own, with endpoints that can be killed."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from aiohttp import ClientSession, ClientTimeout

from keypool_lab.bench.failures import BenchError
from keypool_lab.bench.processes import Process
from keypool_lab.relaybench.starting import running

LATENCY = 0.05
"""Seconds that each call takes, so that requests are under way when something happens."""
EVENTS, PAUSE = 5, 0.02
_URL = r"^http://127\.0\.0\.1:(\d+)/v1$"
_RPM = 1_000_000


class Endpoint:
    """A way to the provider; a process that can be killed."""

    def __init__(self, name: str, to: int, logs: Path) -> None:
        self._name, self._to, self._logs = name, to, logs
        self._stack = AsyncExitStack()
        self._process: Process | None = None
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}/v1"

    async def start(self) -> None:
        """At the same port as before."""
        argv = ["-m", "keypool_lab.relaybench.forward", str(self._to), str(self.port)]
        self._process, found = await self._stack.enter_async_context(
            running(f"endpoint-{self._name}", argv, {}, self._logs)
        )
        self.port = int(found[0])

    async def kill(self) -> None:
        """SIGKILL."""
        if self._process is not None:
            await self._process.kill()

    async def close(self) -> None:
        """For good."""
        await self._stack.aclose()


class Provider:
    """Keys, faults, and the record."""

    def __init__(self, session: ClientSession, port: int, endpoints: list[Endpoint]) -> None:
        self._session, self._base, self.endpoints = session, f"http://127.0.0.1:{port}", endpoints

    async def create(self, name: str) -> tuple[str, str]:
        """A key: its id at the provider and its value."""
        asked = {"name": name, "rate_limit_rpm": _RPM, "scopes": ["chat:write"], "expires_in_days": 30}
        told = await self._call("POST", "/v1/keys", json=asked)
        return told["id"], told["key"]

    async def delete(self, key_id: str) -> None:
        """Revokes a key."""
        await self._call("POST", f"/_lab/keys/{key_id}/delete")

    async def throttle(self, key_id: str, seconds: int) -> None:
        """Every request with this key gets a 429 from now on."""
        fault = {"kind": "throttle", "match": "use", "key": key_id, "retry_after": str(seconds)}
        await self._call("POST", "/_lab/faults", json=fault)

    async def calm(self) -> None:
        """Ends all faults."""
        await self._call("DELETE", "/_lab/faults")

    async def calls(self) -> list[dict[str, Any]]:
        """All requests of workloads."""
        return cast("list[dict[str, Any]]", (await self._call("GET", "/_lab/record?calls=use"))["calls"])

    async def _call(self, method: str, path: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - aiohttp's own
        async with self._session.request(method, self._base + path, **more) as answer:
            text = await answer.text()
            if answer.status >= 300:
                raise BenchError(f"the simulator answered {method} {path} with HTTP {answer.status}")
            return cast("dict[str, Any]", await asyncio.to_thread(json.loads, text) if text else {})


@asynccontextmanager
async def provider(endpoints: int, logs: Path) -> AsyncIterator[Provider]:
    """With so many endpoints, each a process of its own before the simulator."""
    admin = f"admin-{secrets.token_urlsafe(24)}"
    argv = ["-m", "keypool_lab.simulator", "--endpoints", str(endpoints), "--latency", str(LATENCY)]
    argv += ["--events", str(EVENTS), "--pause", str(PAUSE)]
    environment = {"KEYPOOL_LAB_ADMIN_KEY": admin}
    async with AsyncExitStack() as stack:
        _, ports = await stack.enter_async_context(running("simulator", argv, environment, logs, _URL))
        doors = [Endpoint(str(number), int(port), logs) for number, port in enumerate(ports)]
        for door in doors:
            stack.push_async_callback(door.close)
            await door.start()
        headers = {"Authorization": f"Bearer {admin}"}
        session = ClientSession(headers=headers, timeout=ClientTimeout(total=60))
        yield Provider(await stack.enter_async_context(session), int(ports[0]), doors)
