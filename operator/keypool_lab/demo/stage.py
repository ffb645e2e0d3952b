"""Where the demo's steps are played: commands are shown and run, and what follows is waited for and told."""

import asyncio
import shlex
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from keypool_lab.demo.story import Mark
from keypool_lab.demo.truth import Simulator, View
from keypool_lab.demo.workload import Workload
from keypool_lab.lab import Lab
from keypool_lab.narrator import Narrator

POLL_SECONDS = 0.1
DEADLINE_SECONDS = 40.0

T = TypeVar("T")


class DemoFailed(Exception):
    """Something that has to happen did not; the message tells what."""


class Stage:
    """`marks` collects when each step began."""

    def __init__(self, lab: Lab, narrator: Narrator, view: View, simulator: Simulator, workload: Workload) -> None:
        self.lab, self.narrator, self.view, self.simulator, self.workload = lab, narrator, view, simulator, workload
        self.marks: list[Mark] = []
        self._acted = time.monotonic()

    def begin(self, title: str, text: str) -> None:
        """The heading of a step; `title` is what the pictures call it."""
        self.marks.append(Mark(time.time(), len(self.marks) + 1, title))
        self.narrator.say()
        self.narrator.say(f"{len(self.marks)}  {text}", "bold")

    def show(self, line: str) -> None:
        """What is being done; the times of what follows count from here."""
        self.narrator.say(f"   {line}", "cyan")
        self._acted = time.monotonic()

    def remark(self, line: str) -> None:
        """Something that one should know."""
        self.narrator.say(f"   {line}", "dim")

    async def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Show a command and run it; its output. Raises KubectlError."""
        self.show(f"$ kubectl {shlex.join(args)}")
        return (await self.lab.plane.kubectl(*args, stdin=stdin)).checked()

    async def more_requests(self, count: int) -> None:
        """Let the program go on undisturbed until it has sent some more."""
        goal = self.workload.sent + count

        async def sent() -> bool:
            return self.workload.sent >= goal

        with self.narrator.waiting("the program goes on", self.workload.summary):
            await _first(sent, f"{count} more requests")

    async def until(self, what: str, happened: Callable[[], Awaitable[T]]) -> T:
        """Wait until `happened` returns something true, and tell after how long. Raises DemoFailed."""
        with self.narrator.waiting(f"waiting: {what}", self.workload.summary):
            found = await _first(happened, what)
        self.narrator.say(f"   {time.monotonic() - self._acted:5.1f} s  {what}")
        return found


async def _first(happened: Callable[[], Awaitable[T]], what: str) -> T:
    until = time.monotonic() + DEADLINE_SECONDS
    while not (found := await happened()):
        if time.monotonic() > until:
            raise DemoFailed(f"within {DEADLINE_SECONDS:g} s this did not happen: {what}")
        await asyncio.sleep(POLL_SECONDS)
    return found
