"""The relay as a pod runs it: a process of its own."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

START_SECONDS = 60.0


@dataclass
class Process:
    """A relay that runs."""

    process: asyncio.subprocess.Process
    port: int
    health_port: int
    said: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def peak_bytes(self) -> int:
        """The most memory that it ever had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def ask_to_end(self) -> None:
        """As the kubelet does."""
        self.process.send_signal(signal.SIGTERM)


def command(*arguments: str) -> Sequence[str]:
    """`keypool-client …`."""
    return (sys.executable, "-m", "keypool_client", *arguments)


@asynccontextmanager
async def process(folder: Path, **environ: str) -> AsyncIterator[Process]:
    """Ends with the block at the latest."""
    told = {"KEYPOOL_FOLDER": str(folder), "KEYPOOL_RELAY_LISTEN_PORT": "0", "KEYPOOL_RELAY_HEALTH_PORT": "0"}
    started = await asyncio.create_subprocess_exec(
        *command("relay"), env={"PATH": os.environ["PATH"], **told, **environ}, stderr=asyncio.subprocess.PIPE
    )
    assert started.stderr is not None
    said: list[str] = []
    reading: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(START_SECONDS):
            while not (ports := re.search(r"port (\d+); probes at port (\d+)", "".join(said))):
                line = await started.stderr.readline()
                assert line, f"it did not start: {said}"
                said.append(line.decode())
        reading = asyncio.create_task(_listen(started.stderr, said))
        yield Process(started, int(ports[1]), int(ports[2]), said)
    finally:
        with contextlib.suppress(ProcessLookupError):
            started.kill()
        await started.wait()
        if reading is not None:
            await reading


async def _listen(stream: asyncio.StreamReader, said: list[str]) -> None:
    while line := await stream.readline():
        said.append(line.decode())
