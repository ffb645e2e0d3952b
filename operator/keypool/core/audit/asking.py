"""What can be asked of an audit log: lines by their fields, and which keys lived at a time. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from keypool.core.audit.reading import Read

_CHAIN = frozenset({"v", "epoch", "seq", "prev", "hash", "pool_uid", "uid"})
"""Fields that people are shown only when they ask for them."""
_BORN = "created"
_NEVER = frozenset({"not created", "cleared", "intended"})
_DEAD = frozenset({"revoked", "gone", "outlived", "removed", "acknowledged", *_NEVER})
_MAYBE = frozenset({"unresolved", "held"})
_UNKNOWN_END = frozenset({"abandoned", "left"})
_SAYS_NOTHING = frozenset({"not adopted"})
Rank = tuple[str, int]
"""When a line was written: the time of its leadership's first line, and its number there. Files that are joined, and
what `kubectl logs` gives of several pods, have leaderships in any order."""


class BadQuestion(ValueError):
    """Says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A field, by its path (`by.manager`), and the text that it has to be, or must not be."""

    path: tuple[str, ...]
    text: str
    negated: bool = False

    def holds(self, told: Mapping[str, object]) -> bool:
        """Whether the line fits. Of a list, one entry has to be it; a field that is not there is empty."""
        value: object = told
        for name in self.path:
            value = value.get(name, "") if isinstance(value, Mapping) else ""
        same = self.text in map(_text, value) if isinstance(value, list) else _text(value) == self.text
        return same is not self.negated


def condition(text: str) -> Condition:
    """FIELD=TEXT or FIELD!=TEXT. Raises BadQuestion."""
    name, equals, wanted = text.partition("=")
    if not equals or not name.strip("!"):
        raise BadQuestion(f"{text[:60]!r} is no condition: write FIELD=TEXT or FIELD!=TEXT, such as event=created")
    return Condition(tuple(name.rstrip("!").split(".")), wanted, negated=name.endswith("!"))


def shown(told: Mapping[str, object]) -> str:
    """A line for people: its time, its kind, and its fields but for those of the chain."""
    return f"{_text(told.get('time'))} {_text(told.get('audit'))}: " + "; ".join(
        f"{_text(name)} {_text(value)}"
        for name, value in told.items()
        if name not in _CHAIN | {"time", "audit"} and value != ""
    )


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{_text(name)} {_text(each)}" for name, each in value.items() if each != "") + ")"
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value if value is not None else "")
    return text if text.isascii() and text.isprintable() else text.encode("unicode_escape").decode("ascii")


@dataclass(slots=True)
class Life:
    """A key, from the first line that speaks of it; `until` is empty while none says that it is dead. `first` and
    `last`: the earliest and the latest line that speaks of it; `there`: the earliest that shows that it is, or was,
    there at all."""

    told: dict[str, object]
    since: str
    born: bool
    first: Rank
    last: Rank
    until: str = ""
    end: str = ""
    there: Rank | None = None

    @property
    def sure(self) -> bool:
        """Whether it is, or was, there at all."""
        return self.there is not None

    def overlaps(self, start: str, stop: str) -> bool:
        """Whether it may have lived in that time. That it should have expired proves nothing."""
        return self.since < stop and not (self.until and self.until < start)

    def __str__(self) -> str:
        """As people read it."""
        names = ("namespace", "pool", "key", "handle", "fingerprint", "may")
        whose = "; ".join(f"{name} {_text(self.told[name])}" for name in names if self.told.get(name))
        since = f"since {self.since}" if self.born else f"since before {self.since}"
        until = (
            f"until {self.until} ({self.end})" if self.until else f"no end known{f' ({self.end})' if self.end else ''}"
        )
        return f"{'' if self.sure else 'perhaps: '}{whose}; {since}, {until}"


def lives(lines: Iterable[Read]) -> Iterator[Life]:
    """All keys that the lines speak of, in the order in which they came."""
    found: dict[tuple[str, str], Life] = {}
    began: dict[str, str] = {}
    for line in lines:
        rank = began.setdefault(line.epoch, line.time), line.seq
        if line.audit == "key" and _text(line.told.get("event")) not in _SAYS_NOTHING:
            _tell(found, line, rank)
    return (life for life in found.values() if life.sure or life.end not in _NEVER)


def _tell(found: dict[tuple[str, str], Life], line: Read, rank: Rank) -> None:
    event, name = _text(line.told.get("event")), (_text(line.told.get("pool_uid")), _text(line.told.get("key")))
    life = found.get(name)
    if life is None:
        life = found[name] = Life({}, line.time, event in {"intended", _BORN}, rank, rank)
    told = {field: value for field, value in line.told.items() if value not in ("", None)}
    _begin(life, line.time, event, rank)
    if rank < life.last:
        life.told = told | life.told
        return
    life.told, life.last = life.told | told, rank
    if event in _DEAD and event != "intended":
        life.until, life.end = line.time, event
    elif not event.endswith(" failed") and event != "limits changed":
        life.until, life.end = "", event if event in _UNKNOWN_END | _MAYBE else ""


def _begin(life: Life, time: str, event: str, rank: Rank) -> None:
    """Since when it lives, as far as this line tells."""
    shows = event not in _MAYBE | _DEAD | _UNKNOWN_END and not event.endswith(" failed")
    is_earlier = life.there is None or rank < life.there
    if event == _BORN and is_earlier:
        life.since, life.born = time, True
    elif rank < life.first and (shows or not life.born):
        life.since, life.born = time, event == "intended"
    life.first = min(life.first, rank)
    life.there = rank if shows and is_earlier else life.there
