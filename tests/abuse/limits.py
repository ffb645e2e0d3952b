"""The memory that manifests/base gives a replica, held by the kernel: a cgroup (v1 or v2) where one can be made."""

import contextlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

MIB = 1024 * 1024
DEPLOYMENT = Path(__file__).parents[2] / "manifests" / "base" / "deployment.yaml"
MOUNT = Path("/sys/fs/cgroup")
UNITS = {"Ki": 1024, "Mi": MIB, "Gi": 1024 * MIB}
TRIES, TRY_SECONDS = 20, 0.05
ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


def memory_limit() -> int:
    """Bytes that the operator's container may have."""
    (container,) = yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]["containers"]
    amount = container["resources"]["limits"]["memory"]
    return int(amount[:-2]) * UNITS[amount[-2:]]


@dataclass(frozen=True)
class Box:
    """Where a replica runs. Without a `group` nothing holds it, and its peak alone is judged."""

    group: Path | None

    @property
    def prefix(self) -> tuple[str, ...]:
        """Begins the command of what is to run inside."""
        return ("/bin/sh", "-c", ENTER, str(self.group)) if self.group else ()

    @property
    def kills(self) -> int:
        """How many processes the kernel ended in it because they wanted more."""
        if self.group is None:
            return 0
        events = next(path for name in ("memory.events", "memory.oom_control") if (path := self.group / name).exists())
        counts = dict(line.split() for line in events.read_text().splitlines())
        return int(counts.get("oom_kill", 0))


@contextmanager
def box(limit: int) -> Iterator[Box]:
    """One for a replica; it is removed when that has ended."""
    group = _make(limit)
    try:
        yield Box(group)
    finally:
        if group is not None:
            _remove(group)


def _remove(group: Path) -> None:
    """A process that has ended is in its group for a moment yet."""
    for _ in range(TRIES):
        try:
            group.rmdir()
        except OSError:
            time.sleep(TRY_SECONDS)
        else:
            return


def _make(limit: int) -> Path | None:
    for parent, file in _places():
        group = parent / f"keypool-abuse-{secrets.token_hex(4)}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / file).write_text(str(limit))
        except OSError:  # version 2, and the parent does not hand the memory controller on
            group.rmdir()
            continue
        with contextlib.suppress(OSError):  # where there is swap, it does not count as memory
            (group / "memory.swap.max").write_text("0")
        return group
    return None


def _places() -> Iterator[tuple[Path, str]]:
    """Folders in which a group may be made, and the file that limits it."""
    own = dict(line.split(":", 2)[1:] for line in Path("/proc/self/cgroup").read_text().splitlines())
    yield MOUNT / "memory" / own.get("memory", "").lstrip("/"), "memory.limit_in_bytes"
    yield MOUNT / "memory", "memory.limit_in_bytes"
    yield MOUNT / own.get("", "").lstrip("/"), "memory.max"
    yield MOUNT, "memory.max"
