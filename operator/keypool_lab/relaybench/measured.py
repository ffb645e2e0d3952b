"""What was measured of each target, the best of several rounds, and the goals. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

from keypool_lab.relaybench.targets import ALONE, RELAY

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Round:
    """One target in one round. Times in milliseconds, memory in bytes, CPU in microseconds."""

    p50: float
    p99: float
    """Of requests one after another."""
    rate: float
    """Requests a second at 16 connections, as they came."""
    request_cpu: float
    """For a request, at 16 connections."""
    late: float
    """p99 of the lateness of events of the streams."""
    event_cpu: float
    stream_memory: float
    """The most it had so far, with these streams."""
    lost: float
    """Events of the many streams that did not come."""
    many_late: float
    many_memory: float
    """The most it had, with the many streams."""
    unfairness: float
    """How many times as late as the usual one the worst of the many streams was, on the whole."""
    idle_memory: float

    @property
    def for_a_core(self) -> float:
        """Requests that a core's second is enough for."""
        return 1e6 / self.request_cpu if self.request_cpu else 0.0


_MORE_IS_BETTER = frozenset({"rate"})
_WORST = frozenset({"lost"})


def best(rounds: Sequence[Round]) -> Round:
    """Each figure's best; of losses the worst."""
    found = {}
    for name in (each.name for each in fields(Round)):
        values = [getattr(one, name) for one in rounds]
        found[name] = max(values) if name in _MORE_IS_BETTER | _WORST else min(values)
    return Round(**found)


def noise(rounds: Sequence[Round], name: str) -> float:
    """How far the rounds are apart, as a part of the smallest."""
    values = [getattr(one, name) for one in rounds]
    return (max(values) - min(values)) / min(values) if min(values) else 0.0


def added(rounds: Mapping[str, Sequence[Round]], target: str, name: str) -> float:
    """How much later an answer is than without the target, in the best round: each is compared with its own."""
    pairs = zip(rounds[target], rounds[ALONE], strict=True)
    return min(float(getattr(one, name)) - float(getattr(alone, name)) for one, alone in pairs)


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure of the relay should be at most; `least`: at least."""

    what: str
    bound: float
    measured: Callable[[Mapping[str, Sequence[Round]]], float]
    least: bool = False

    def reached(self, value: float) -> bool:
        """Whether it is."""
        return value >= self.bound if self.least else value <= self.bound


def _of_relay(read: Callable[[Round], float]) -> Callable[[Mapping[str, Sequence[Round]]], float]:
    return lambda rounds: read(best(rounds[RELAY]))


GOALS = (
    Goal("added ms at one connection, p50", 0.8, lambda rounds: added(rounds, RELAY, "p50")),
    Goal("added ms at one connection, p99", 2.5, lambda rounds: added(rounds, RELAY, "p99")),
    Goal("requests for a core's second, 16 connections", 3000, _of_relay(lambda one: one.for_a_core), least=True),
    Goal("CPU-µs for an event of a stream", 60, _of_relay(lambda one: one.event_cpu)),
    Goal("ms late, p99, 400 streams", 75, _of_relay(lambda one: one.late)),
    Goal("MiB with 400 streams", 150, _of_relay(lambda one: one.stream_memory / MIB)),
    Goal("events lost of 1,000 streams", 0, _of_relay(lambda one: one.lost)),
    Goal("MiB idle", 50, _of_relay(lambda one: one.idle_memory / MIB)),
)
