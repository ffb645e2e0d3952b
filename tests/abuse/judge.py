"""What was measured, beside what it is allowed to be."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

ANSWER_SECONDS = 5.0
MORE_MIB = 100.0
RUNNING, SIGTERM, SIGKILL = "running", "SIGTERM", "SIGKILL"
WAYS = (RUNNING, SIGTERM, SIGKILL)
HEAD = ("", "Ready p95 s", "rotated s", "leak s", "Lease s", "caches s", "peak MiB", "cores", "killed", "/metrics")


@dataclass
class Numbers:
    """A bystander's, in one way. Seconds; `leak` counts from the next leader's complete caches after SIGKILL, else
    from the report. `lease`, `caches`: until another replica led, and from then until it saw all."""

    way: str
    ready: float = math.inf
    rotated: float = math.inf
    leak: float = math.inf
    lease: float = 0.0
    caches: float = 0.0
    peak: float = 0.0
    cores: float = 0.0
    killed: int = 0
    crashed: list[str] = field(default_factory=list)
    unhealthy: int = 0
    unready: list[str] = field(default_factory=list)
    metrics: str = ""

    def row(self, label: str) -> tuple[str, ...]:
        """As it is printed."""
        times = (self.ready, self.rotated, self.leak, self.lease, self.caches)
        killed = str(self.killed) + (f"+{len(self.crashed)}" if self.crashed else "")
        shown = (f"{each:.2f}" for each in times)
        return label, *shown, f"{self.peak:.0f}", f"{self.cores:.2f}", killed, self.metrics


def complaints(
    found: Sequence[Numbers], without: Sequence[Numbers], most: float | None = None, patience: float = 1.0
) -> list[str]:
    """What is worse than it may be. `most`: MiB, where the peak has a bound of its own; `patience`: how many times as
    long all may take, where other tests run beside."""
    return [
        f"{one.way}: {text}"
        for one, other in zip(found, without, strict=True)
        for text in _complaints(one, other, most or other.peak + MORE_MIB, patience)
    ]


def _complaints(one: Numbers, other: Numbers, most: float, patience: float) -> list[str]:
    bounds = (
        ("a new pool is Ready after", one.ready, 2 * other.ready + 1),
        ("a rotation is published after", one.rotated, 2 * other.rotated + 1),
        ("a reported leak is answered after", one.leak, ANSWER_SECONDS),
    )
    over = [
        f"{what} {value:.2f} s, at most {bound:.2f}"
        for what, value, bound in bounds
        if value > bound or value == math.inf
    ]
    if one.peak > most:
        over.append(f"the peak is {one.peak:.0f} MiB, at most {most:.0f}")
    counted = (("killed for memory", one.killed), ("found dead by /healthz", one.unhealthy))
    over += [f"replicas were {what} {count} times" for what, count in counted if count]
    over += [f"a replica ended: {why}" for why in one.crashed]
    over += [f"the steady pool was not Ready: {why}" for why in one.unready]
    return over if one.metrics == "200" else [*over, f"/metrics answers {one.metrics}"]


def table(title: str, found: Sequence[Numbers], without: Sequence[Numbers]) -> str:
    """Each way beside what it is without the attack."""
    rows: list[tuple[str, ...]] = [HEAD]
    for one, other in zip(found, without, strict=True):
        rows += [one.row(one.way), other.row(f"{other.way}, without")]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join((title, *lines))
