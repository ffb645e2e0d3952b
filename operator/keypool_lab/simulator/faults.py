"""Faults that meet single calls: which there are, which calls they match, and how often."""

from dataclasses import dataclass
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal[
    "bomb",
    "cut",
    "drip",
    "endless",
    "error_event",
    "exhaust",
    "hang",
    "html",
    "lie",
    "oversize",
    "redirect",
    "slow",
    "status",
    "stop",
    "throttle",
    "truncate",
]
Match = Literal["create", "list", "validate", "delete", "use", "any"]
Place = Literal["start", "headers", "body", "chunk", "event", "between"]

_BEFORE: frozenset[Kind] = frozenset({"exhaust", "hang", "lie", "redirect", "status", "throttle"})
_NEEDS_ANSWER: frozenset[Kind] = frozenset({"truncate", "drip", "slow", "error_event", "stop"})


@dataclass(frozen=True, slots=True)
class Met:
    """A call that a fault may meet."""

    kind: str
    key_id: str | None = None
    dialect: str = ""
    endpoint: str = "0"
    stream: bool = False


class Fault(BaseModel):
    """One fault.

    kind: `cut` ends the connection without an answer (on a create: the lost answer after the commit), or in the middle
    of it where `at` says so; `status` answers `status`; `throttle` 429 with `retry_after` as its Retry-After header
    (None: without one); `exhaust` that no credit is left; `hang` says nothing for `seconds`; `slow` waits `seconds`
    before the first byte; `redirect` answers 307 to `location`; `html` answers 200 with a page; `truncate` ends the
    JSON halfway, as if it were whole; `oversize` sends `size` bytes of JSON; `endless` sends on and on, a piece every
    `seconds`; `bomb` a few bytes that unpack to `size`; `drip` sends one byte every `seconds`; `lie` answers 204 and
    does nothing; `error_event` tells of an error after `after` events of a stream; `stop` ends a stream after `after`
    events without its last ones, as if it were whole.
    match: the calls that it meets; key, dialect, endpoint, stream: of these only those of that key (its id), dialect or
    endpoint, streams or others. count: how many of them, None until cleared.
    when: `before` the call did anything, or `after` it was carried out; omitted, what is usual for the kind.
    at: where `cut` cuts: at the `start`, in the `headers`, in the `body` of a known length, in a `chunk`, after `after`
    events in the middle of an `event`, or after `after` events `between` two. reset: with a TCP reset.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    match: Match = "any"
    key: str | None = None
    dialect: Literal["openai", "anthropic", "gemini", "azure"] | None = None
    endpoint: str | None = None
    stream: bool | None = None
    count: int | None = Field(default=None, ge=1)
    when: Literal["before", "after"] | None = None
    status: int = Field(default=500, ge=400, le=599)
    retry_after: str | None = None
    seconds: float = Field(default=1.0, gt=0, le=86400)
    size: int = Field(default=64 * 1024 * 1024, ge=1)
    location: str = "/v1/elsewhere"
    at: Place = "start"
    after: int = Field(default=0, ge=0)
    reset: bool = False

    @model_validator(mode="after")
    def _has_an_answer_to_spoil(self) -> Self:
        needs = self.kind in _NEEDS_ANSWER or (self.kind == "cut" and self.at != "start")
        if needs and self.when == "before":
            raise ValueError(f"{self.kind} spoils an answer, so it comes after the call")
        return self

    @property
    def lets_it_happen(self) -> bool:
        """Whether the call is carried out before the fault strikes."""
        return self.when == "after" if self.when else self.kind not in _BEFORE

    def meets(self, call: Met) -> bool:
        """Whether this call is one that it strikes."""
        wanted = (self.key, self.dialect, self.endpoint, self.stream)
        found = (call.key_id, call.dialect, call.endpoint, call.stream)
        return self.match in {"any", call.kind} and all(
            want is None or want == has for want, has in zip(wanted, found, strict=True)
        )


class Faults:
    """The faults that are switched on, first come first served."""

    def __init__(self) -> None:
        self._active: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Switches one on."""
        self._active.append(fault)

    def clear(self) -> None:
        """Switches all off."""
        self._active.clear()

    def active(self) -> tuple[Fault, ...]:
        """Those that are on, with the counts that are left."""
        return tuple(self._active)

    def take(self, call: Met) -> Fault | None:
        """The fault that meets this call, if any; uses up one of its count."""
        for index, fault in enumerate(self._active):
            if fault.meets(call):
                self._use_up(index, fault)
                return fault
        return None

    def _use_up(self, index: int, fault: Fault) -> None:
        if fault.count == 1:
            del self._active[index]
        elif fault.count is not None:
            self._active[index] = fault.model_copy(update={"count": fault.count - 1})
