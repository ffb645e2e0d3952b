"""The operator as what it is in a cluster: processes that are started, stopped, paused and killed."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.waiting import eventually, within

START_SECONDS = 30.0


class Process:
    """One `python -m keypool` and what it has logged so far."""

    def __init__(self, running: asyncio.subprocess.Process) -> None:
        self._running = running
        self.lines: list[dict[str, Any]] = []
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return self._running.returncode

    async def leads(self, deadline: float = START_SECONDS) -> float:
        """When it took the lead (seconds since the epoch), as soon as it has."""
        return float((await self.logged("leading", deadline))["seen"])

    async def logged(self, message: str, deadline: float = START_SECONDS) -> dict[str, Any]:
        """The first line with this message."""

        async def found() -> dict[str, Any] | None:
            return next((line for line in self.lines if line["message"] == message), None)

        return await eventually(found, deadline, f"the operator logs: {message}") or {}

    async def pools_passed(self) -> int:
        """Over how many pools it has passed since it leads."""
        return (await self.asked("/metrics"))[1].count("\nkeypool_pool_ready{")

    async def asked(self, path: str, seconds: float = 300.0) -> tuple[int, str]:
        """Status and text that its server answers. Raises aiohttp.ClientError or TimeoutError."""
        url = (await self.logged("serving"))["url"]
        limit = aiohttp.ClientTimeout(total=seconds)
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(url + path) as answer:
            return answer.status, await answer.text()

    def send(self, number: signal.Signals) -> float:
        """Sends a signal; when."""
        self._running.send_signal(number)
        return time.time()

    async def kill(self) -> float:
        """Ends it with SIGKILL; when. On a busy machine it may have lost its short Lease and ended already."""
        killed = time.time()
        with contextlib.suppress(ProcessLookupError):
            killed = self.send(signal.SIGKILL)
        await self.exit_code()
        return killed

    async def exit_code(self, deadline: float = START_SECONDS) -> int:
        """Its exit code, as soon as it has ended by itself."""
        code = await within(self._running.wait(), deadline)
        await self._reading
        return code

    async def abandon(self) -> None:
        """Ends it if it still runs."""
        if self._running.returncode is None:
            await self.kill()

    async def _read(self) -> None:
        assert self._running.stderr is not None
        async for line in self._running.stderr:
            self.lines.append({**json.loads(line), "seen": time.time()})


@asynccontextmanager
async def replica(
    kubeconfig: Path,
    system: str,
    served: str,
    settings: Mapping[str, object] | None = None,
    prefix: Sequence[str] = (),
) -> AsyncIterator[Process]:
    """A replica that has just been started, with the Lease's timings as in production unless `settings` (without
    KEYPOOL_) say otherwise; killed at the end. `prefix` begins its command."""
    given = {
        "KUBECONFIG": kubeconfig,
        "NAMESPACE": system,
        "NAMESPACES": served,
        "ALLOW_INSECURE_ENDPOINTS": "true",
        "ALLOW_PRIVATE_ENDPOINTS": "127.0.0.0/8",
        "HTTP_PORT": "0",
        **(settings or {}),
    }
    environment = {**os.environ, **{f"KEYPOOL_{name}": str(value) for name, value in given.items()}}
    one = Process(
        await asyncio.create_subprocess_exec(
            *prefix,
            sys.executable,
            "-m",
            "keypool",
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
    )
    try:
        yield one
    finally:
        await one.abandon()


def lease(seconds: float) -> dict[str, object]:
    """Settings for a Lease that lasts only so long."""
    return {"LEASE_DURATION": seconds, "LEASE_RENEW_DEADLINE": seconds * 0.75, "LEASE_RETRY": 0.3}
