"""What the lab's commands tell while they work: a spinner on a terminal, plain lines everywhere else."""

import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

TELL_SECONDS = 2.0
SPIN_SECONDS = 0.2
PLAIN_WIDTH = 100


class Narrator:
    """Writes lines, and shows that something goes on for as long as a wait lasts."""

    def __init__(self, console: Console | None = None) -> None:
        found = console or Console(highlight=False)
        if isinstance(found.file, io.TextIOWrapper):
            found.file.reconfigure(errors="replace")  # a terminal without these characters shows others
        self.console = found if found.is_terminal else Console(file=found.file, highlight=False, width=PLAIN_WIDTH)

    def say(self, line: str = "", style: str = "") -> None:
        """One line, as it is: nothing in it is taken for markup, and it is not broken."""
        self.console.print(Text(line, style=style), soft_wrap=True)

    @contextmanager
    def stage(self, what: str) -> Iterator[None]:
        """Something that is being started; told when it begins and when it is ready."""
        started = time.monotonic()
        with self.waiting(what):
            yield
        self.say(f"  {what}: ready after {time.monotonic() - started:.1f} s")

    @contextmanager
    def waiting(self, what: str, detail: Callable[[], str] = str) -> Iterator[None]:
        """A wait: the time it takes, and `detail`, twinkle on a terminal; elsewhere a line every 2 s tells them."""
        started, done = time.monotonic(), threading.Event()

        def line() -> str:
            return "  ".join(part for part in (f"{what}: {time.monotonic() - started:.0f} s", detail()) if part)

        def tell() -> None:
            while not done.wait(TELL_SECONDS):
                self.say(f"  … {line()}", "dim")

        def spin() -> None:
            with self.console.status(Text(line())) as status:
                while not done.wait(SPIN_SECONDS):
                    status.update(Text(line()))

        teller = threading.Thread(target=spin if self.console.is_terminal else tell, daemon=True)
        teller.start()
        try:
            yield
        finally:
            done.set()
            teller.join()
