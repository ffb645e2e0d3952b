"""Faults that meet single calls: which there are, which calls they match, and how often."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["cut", "status", "throttle", "hang", "redirect", "html", "truncate", "oversize", "drip", "lie"]
Match = Literal["create", "list", "validate", "delete", "use", "any"]

_AFTER: frozenset[Kind] = frozenset({"cut", "html", "truncate", "oversize", "drip"})
_NEEDS_ANSWER: frozenset[Kind] = frozenset({"truncate", "drip"})


class Fault(BaseModel):
    """One fault.

    kind: `cut` ends the connection without an answer (on a create: the lost answer after the commit), `status` answers
    `status`, `throttle` 429 with `retry_after` as its Retry-After header (None: without one), `hang` says nothing for
    `seconds`, `redirect` answers 307 to `location`, `html` answers 200 with a page, `truncate` ends the JSON halfway,
    `oversize` sends `size` bytes of JSON, `drip` sends one byte every `seconds`, `lie` answers 204 and does nothing.
    match: the calls that it meets. count: how many of them, None until cleared.
    when: `before` the call did anything, or `after` it was carried out; omitted, what is usual for the kind.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    match: Match = "any"
    count: int | None = Field(default=None, ge=1)
    when: Literal["before", "after"] | None = None
    status: int = Field(default=500, ge=400, le=599)
    retry_after: str | None = None
    seconds: float = Field(default=1.0, gt=0, le=86400)
    size: int = Field(default=64 * 1024 * 1024, ge=1)
    location: str = "/v1/elsewhere"

    @model_validator(mode="after")
    def _has_an_answer_to_spoil(self) -> Self:
        if self.kind in _NEEDS_ANSWER and self.when == "before":
            raise ValueError(f"{self.kind} spoils an answer, so it comes after the call")
        return self

    @property
    def lets_it_happen(self) -> bool:
        """Whether the call is carried out before the fault strikes."""
        return self.when == "after" if self.when else self.kind in _AFTER


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

    def take(self, call: str) -> Fault | None:
        """The fault that meets this call, if any; uses up one of its count."""
        for index, fault in enumerate(self._active):
            if fault.match in {"any", call}:
                self._use_up(index, fault)
                return fault
        return None

    def _use_up(self, index: int, fault: Fault) -> None:
        if fault.count == 1:
            del self._active[index]
        elif fault.count is not None:
            self._active[index] = fault.model_copy(update={"count": fault.count - 1})
