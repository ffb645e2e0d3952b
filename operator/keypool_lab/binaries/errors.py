"""Why a program is not there."""

from pathlib import Path

LAST_LINES = 15


class BinariesError(Exception):
    """A program can neither be found nor built; the message says why, and what to do."""


def build_failed(name: str, why: str, log: Path) -> BinariesError:
    """A step of a build failed: names the log and shows its last lines."""
    text = log.read_text(errors="replace") if log.exists() else ""
    tail = "\n".join(f"  {line[:400]}" for line in text.splitlines()[-LAST_LINES:]) or "  (nothing was logged)"
    advice = " The disk is full: free some space and run it again." if "no space left on device" in text else ""
    return BinariesError(f"{name}: {why}.{advice} The end of {log}:\n{tail}")
