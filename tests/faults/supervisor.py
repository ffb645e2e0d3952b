"""Starts the operator's process and starts it again; gives it orders and knows the effects that it told of."""

import asyncio
import contextlib
import multiprocessing
import signal
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.faults.crashing import Advance, Count, Point, run
from tests.waiting import eventually

# A server that has imported everything forks each process in a few milliseconds; a new Python takes a second or two.
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.faults.crashing", "keypool.app"])


class Supervisor:
    """`ahead`: how far the operator's clock is ahead; `effects`: labels of those told of since counting began."""

    def __init__(self, settings: Mapping[str, Any], log: Path) -> None:
        self._settings, self.log = settings, log
        self.ahead = timedelta(0)
        self.effects: list[str] = []
        self._answers = 0

    async def start(self) -> None:
        """Starts a process; returns at once."""
        self._channel, other = _FORKS.Pipe()
        arguments = (other, self._settings, self.ahead, self.log)
        self._process = _FORKS.Process(target=run, args=arguments, daemon=True)
        await asyncio.to_thread(self._process.start)
        other.close()

    @property
    def has_ended(self) -> bool:
        """Whether the process is dead."""
        self.listen()
        return self._process.exitcode is not None

    @property
    def was_killed(self) -> bool:
        """Whether it died by its own SIGKILL; on a busy machine it may also have lost its short Lease."""
        return self._process.exitcode == -signal.SIGKILL

    async def count(self, at: Point | None) -> None:
        """Has it number its effects from here on, once it is ready and does nothing any more."""
        await self._order(Count(at))
        self.effects.clear()

    async def advance(self, by: timedelta) -> None:
        """Moves its clock on."""
        self.ahead += by
        await self._order(Advance(self.ahead))

    async def end(self) -> None:
        """Kills what runs."""
        self._process.kill()
        await asyncio.to_thread(self._process.join, 10)
        self._channel.close()

    async def _order(self, order: object) -> None:
        self._answers = 0
        with contextlib.suppress(ConnectionError):  # it may be dead
            self._channel.send(order)
        await eventually(self._answered, 20, "the operator takes an order")

    async def _answered(self) -> bool:
        self.listen()
        return self._answers > 0 or self._process.exitcode is not None

    def listen(self) -> None:
        """Takes what the process told of since."""
        try:
            while self._channel.poll():
                said = self._channel.recv()
                if isinstance(said, str):
                    self.effects.append(said)
                else:
                    self._answers += 1
        except (EOFError, ConnectionError):
            return
