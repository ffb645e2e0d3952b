"""What can go wrong with a local control plane."""

from pathlib import Path

LAST_LINES = 15


class ControlPlaneError(Exception):
    """The control plane cannot be started or has ended; the message tells which part, and the end of its log."""


def log_tail(log: Path) -> str:
    """The last lines of a log, indented; says so when there are none."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    return "\n".join(f"  {line[:400]}" for line in lines[-LAST_LINES:]) or "  (nothing was logged)"


def component_ended(name: str, log: Path, status: object) -> ControlPlaneError:
    """A component ended by itself."""
    return ControlPlaneError(f"{name} ended with status {status}. The end of {log}:\n{log_tail(log)}")


def not_ready(what: str, seconds: float, folder: Path) -> ControlPlaneError:
    """Every component runs, but the control plane did not become ready in time."""
    logs = "\n".join(f"{log}:\n{log_tail(log)}" for log in sorted(folder.glob("*.log")))
    return ControlPlaneError(f"{what} after {seconds:g} s. The ends of the logs:\n{logs}")
