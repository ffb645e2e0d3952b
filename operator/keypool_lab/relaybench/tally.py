"""What a client saw in one phase, beside what the provider did. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Seen:
    """One request, as its client saw it end. `status` 0: the connection was lost before there was one."""

    identity: str
    phase: str
    status: int
    key: str
    """The public id that the relay told."""
    attempts: int
    stream: bool
    whole: bool
    """Whether the answer came to its end."""
    at: float

    @property
    def answered(self) -> bool:
        """Whether it got all that it asked for."""
        return self.status == 200 and self.whole

    @property
    def cut(self) -> bool:
        """A stream that had begun and was broken off: no relay can repeat what the client has read."""
        return self.stream and self.status == 200 and not self.whole


@dataclass(frozen=True, slots=True)
class Phase:
    """Counts of one phase. `failed` has neither answers nor cut streams. `duplicates`: calls that the provider carried
    out once more. `unknown`: requests that were answered, but not by the provider's record. `gap`: the longest time in
    seconds without an answer. `seconds`: how long it took. `handed`: why the relay handed failures on."""

    name: str
    asked: int
    failed: int
    cut: int
    repeated: int
    duplicates: int
    unknown: int
    gap: float
    seconds: float
    statuses: Mapping[str, int]
    handed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Span:
    """When a phase was, in monotonic seconds, and why the relay handed failures on meanwhile."""

    name: str
    began: float
    ended: float
    handed: Mapping[str, int]


def tally(span: Span, seen: Sequence[Seen], calls: Iterable[Mapping[str, Any]]) -> Phase:
    """Of the requests of one phase, and of all calls in the provider's record."""
    done = Counter(call["identity"] for call in calls if call["status"] == 200)
    answers = sorted(one.at for one in seen if one.answered)
    moments = [span.began, *answers]
    return Phase(
        span.name,
        asked=len(seen),
        failed=sum(not one.answered and not one.cut for one in seen),
        cut=sum(one.cut for one in seen),
        repeated=sum(one.attempts > 1 for one in seen),
        duplicates=sum(done[one.identity] - 1 for one in seen if done[one.identity]),
        unknown=sum(one.answered and not done[one.identity] for one in seen),
        gap=max((after - before for before, after in zip(moments, answers, strict=False)), default=0.0),
        seconds=span.ended - span.began,
        statuses=dict(Counter(str(one.status) for one in seen)),
        handed=span.handed,
    )
