"""A Redis or Valkey server of the test's own: on loopback, in a folder that goes with it."""

import asyncio
import os
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.waiting import eventually, within

PROGRAMS = ("redis-server", "valkey-server")
PACKAGE = "redis-server"
"""Debian's."""


def program() -> str:
    """Skips where there is none, and says what is missing; on continuous integration that is a failure."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if found is None:
        missing = f"sharing needs a server: apt-get install --no-install-recommends {PACKAGE}"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    return found


class RedisServer:
    """It keeps its port from one start to the next."""

    def __init__(self, folder: Path, ca: Path | None = None) -> None:
        """`ca`: who signed `localhost.pem` in the folder; with it, the server speaks TLS alone."""
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        if ca is None:
            self.url, self._options = f"redis://127.0.0.1:{self.port}", ["--port", str(self.port)]
            self.client = Redis(port=self.port, host="127.0.0.1")
        else:
            pem = f"{folder}/localhost.pem"
            tls = ["--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"]
            files = ["--tls-ca-cert-file", str(ca), "--tls-cert-file", pem, "--tls-key-file", pem]
            self.url, self._options = f"rediss://localhost:{self.port}", tls + files
            self.client = Redis(port=self.port, host="localhost", ssl=True, ssl_ca_certs=str(ca))

    async def start(self, *options: str) -> None:
        """Empty; returns when it answers."""
        told = (*self._options, "--bind", "127.0.0.1", "--save", "", "--dir", str(self._folder), *options)
        self._process = await asyncio.create_subprocess_exec(
            program(), *told, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL
        )
        await eventually(self._answers, what="the server answers")

    async def stop(self) -> None:
        """Gone at once, with all that it knew."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await within(process.wait(), 10)

    async def close(self) -> None:
        """For good."""
        await self.client.aclose()
        await self.stop()

    def freeze(self) -> None:
        """It takes connections and requests, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    async def ask(self, *command: str | bytes) -> Any:
        """One command."""
        client: Any = self.client
        return await client.execute_command(*command)

    async def _answers(self) -> bool:
        try:
            return bool(await self.ask("PING"))
        except (RedisError, OSError) as error:
            return "NOAUTH" in str(error) or "Authentication" in str(error)

    def _signal(self, which: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(which)
