"""What a table of situations is made of, and how it is read. Purely computational.

A table is read from top to bottom: each condition says what the first situation that holds, and speaks of it, has it
say. The last situation of a table speaks of all conditions and always holds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from keypool.core.observation import Problem
from keypool.core.reasons import Condition, Reason

S = TypeVar("S")

Finding = tuple[Condition, bool | None, Reason, str]
"""Type, status (None for Unknown), reason, message."""


class Say(NamedTuple):
    """What one condition says: its status (None for Unknown); reason and message are what was seen, unless given."""

    status: bool | None
    reason: Reason | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Situation(Generic[S]):
    """`name`: what holds, in plain words. `sees`: what is to be told of it, None where it does not hold. `says`: what
    the conditions that it speaks of say; None for one that is not shown."""

    name: str
    sees: Callable[[S], Problem | None]
    says: Mapping[Condition, Say | None]


STALLS: Mapping[Condition, Say | None] = {Condition.RECONCILING: None, Condition.STALLED: Say(True)}
WORKS: Mapping[Condition, Say | None] = {Condition.RECONCILING: Say(True), Condition.STALLED: None}
RESTS: Mapping[Condition, Say | None] = {Condition.RECONCILING: None, Condition.STALLED: None}
"""Who speaks of one of these two speaks of both: so never do both hold."""


def fold(table: Iterable[Situation[S]], sight: S) -> tuple[Finding, ...]:
    """All conditions that are to be shown, in the order of their declaration."""
    told: dict[Condition, Finding | None] = {}
    for situation in table:
        if situation.says.keys() <= told.keys() or (seen := situation.sees(sight)) is None:
            continue
        for kind, say in situation.says.items():
            told.setdefault(kind, _finding(kind, say, seen))
    return tuple(found for kind in Condition if (found := told.get(kind)) is not None)


def holding(table: Iterable[Situation[S]], sight: S) -> tuple[str, ...]:
    """The names of all situations that hold."""
    return tuple(situation.name for situation in table if situation.sees(sight) is not None)


def with_note(found: tuple[Finding, ...], note: str) -> tuple[Finding, ...]:
    """The same with a note behind what the first condition says; "" for none."""
    if not (found and note):
        return found
    kind, status, reason, message = found[0]
    return ((kind, status, reason, f"{message}; {note}"), *found[1:])


def _finding(kind: Condition, say: Say | None, seen: Problem) -> Finding | None:
    return (kind, say.status, say.reason or seen.reason, say.text or seen.message) if say is not None else None
