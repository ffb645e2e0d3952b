"""The processes under load: started, looked at through /proc, stopped. They never outlive the benchmark."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from keypool_lab.bench.failures import BenchError
from keypool_lab.controlplane.keeper import die_with_parent

STOP_SECONDS = 40.0
HEAD_BYTES, TAIL_BYTES = 10_000, 2000
_TICKS = os.sysconf("SC_CLK_TCK")


class Process:
    """One process; what it prints goes to the file `log`."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self.name, self._process, self._log = name, process, log

    @classmethod
    async def start(
        cls, name: str, argv: list[str], environment: Mapping[str, str], log: Path, program: str = sys.executable
    ) -> Self:
        """Start `program argv…` with these variables besides our own; an older log is overwritten."""
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                program,
                *argv,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a Ctrl-C in the terminal reaches the benchmark alone
                preexec_fn=die_with_parent(),
            )
        return cls(name, process, log)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def kill(self) -> None:
        """SIGKILL, whatever is under way."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()

    def check(self) -> None:
        """Raises BenchError, with the end of its log, when it has ended."""
        if self._process.returncode is not None:
            raise BenchError(f"the {self.name} ended with status {self._process.returncode}:\n{self.tail()}")

    def tail(self) -> str:
        """The end of its log."""
        return self._log.read_bytes()[-TAIL_BYTES:].decode(errors="replace")

    def first_lines(self) -> list[str]:
        """The first whole lines of its log."""
        with self._log.open("rb") as log:
            return log.read(HEAD_BYTES).decode(errors="replace").split("\n")[:-1]

    def cpu_seconds(self) -> float:
        """User and system time since its start; 0 where there is no /proc."""
        # After the name, which stands in parentheses, utime and stime are the 12th and 13th field; see proc(5).
        fields = self._proc("stat").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0

    def peak_rss(self) -> int:
        """The most memory it ever had resident, in bytes; 0 where there is no /proc."""
        return self._memory("VmHWM")

    def rss(self) -> int:
        """The memory that it has resident now, in bytes; 0 where there is no /proc."""
        return self._memory("VmRSS")

    async def stop(self) -> None:
        """SIGTERM; SIGKILL when it has not ended after 40 s."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def _memory(self, name: str) -> int:
        found = (line.split() for line in self._proc("status").splitlines() if line.startswith(f"{name}:"))
        return next((int(kilobytes) * 1024 for _, kilobytes, _ in found), 0)

    def _proc(self, file: str) -> str:
        try:
            return Path(f"/proc/{self._process.pid}/{file}").read_text()
        except OSError:
            return ""
