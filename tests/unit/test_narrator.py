"""What the lab's commands tell fits a terminal as well as a file."""

import io
import threading

import pytest
from rich.console import Console

from keypool_lab import narrator
from keypool_lab.narrator import Narrator


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narrator, "TELL_SECONDS", 0.01)
    monkeypatch.setattr(narrator, "SPIN_SECONDS", 0.01)


class Noticing(io.StringIO):
    """A file that tells when a text has been written to it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text, self.seen = text, threading.Event()

    def write(self, text: str) -> int:
        if self._text in text:
            self.seen.set()
        return super().write(text)


def test_a_file_gets_plain_lines_while_a_wait_lasts() -> None:
    """No control characters; how long it has taken, and how things stand."""
    file = Noticing("3 requests")
    with Narrator(Console(file=file)).waiting("the key is revoked", lambda: "3 requests"):
        assert file.seen.wait(5)
    assert file.getvalue().startswith("  … the key is revoked: 0 s  3 requests\n")
    assert "\x1b" not in file.getvalue()


def test_a_terminal_gets_a_line_that_is_taken_away_again() -> None:
    """It twinkles while the wait lasts; afterwards the cursor is back and the line erased."""
    file = Noticing("3 requests")
    console = Console(file=file, force_terminal=True, width=100)
    with Narrator(console).waiting("the key is revoked", lambda: "3 requests"):
        assert file.seen.wait(5)
    assert file.getvalue().endswith("\x1b[2K") or "\x1b[2K" in file.getvalue().splitlines()[-1]
    assert "\x1b[?25h" in file.getvalue()


def test_a_line_is_said_as_it_is() -> None:
    """Nothing in it is markup, and a long one is not broken."""
    file = io.StringIO()
    line = "[bold]" + "x" * 300
    Narrator(Console(file=file)).say(line)
    assert file.getvalue() == f"{line}\n"


def test_a_wait_that_fails_is_told_no_longer() -> None:
    """The failure passes through, and no thread goes on."""
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="broken"), Narrator(Console(file=io.StringIO())).waiting("it"):
        raise ValueError("broken")
    assert set(threading.enumerate()) <= before
