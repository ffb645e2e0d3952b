"""Tells what is going on, on standard error."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Advance = Callable[[int], None]


class Teller:
    """Says what begins and how long it took; on a terminal, how far it is."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)

    def tell(self, text: str) -> None:
        """Says one line."""
        self._console.print(text, highlight=False)

    @contextmanager
    def phase(self, what: str, total: int | None = None) -> Iterator[Advance]:
        """Something that takes a while; call what you get with how many of `total` are done."""
        begin = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        if not self._console.is_terminal:
            self._console.print(f"{what} …", highlight=False)
        with Progress(*columns, console=self._console, transient=True, disable=not self._console.is_terminal) as bar:
            task = bar.add_task(what, total=total)
            yield lambda done: bar.update(task, completed=done)
        self._console.print(f"{what}: {time.monotonic() - begin:.1f} s", highlight=False)
