"""A line of names in which urgent ones stand before the others. No I/O, no clock."""

from collections import OrderedDict
from collections.abc import Hashable, Set
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


class UrgentFirst(Generic[Name]):
    """Each name stands in it once. Every operation takes constant time."""

    __slots__ = ("_others", "_urgent")

    def __init__(self) -> None:
        self._urgent: OrderedDict[Name, None] = OrderedDict()
        self._others: OrderedDict[Name, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._urgent) + len(self._others)

    def __contains__(self, name: Name) -> bool:
        return name in self._urgent or name in self._others

    @property
    def urgent(self) -> bool:
        """Whether the first one is urgent."""
        return bool(self._urgent)

    @property
    def names(self) -> Set[Name]:
        """All that wait."""
        return self._urgent.keys() | self._others.keys() if self._urgent else self._others.keys()

    def is_urgent(self, name: Name) -> bool:
        """Whether this one is."""
        return name in self._urgent

    def put(self, name: Name, *, urgent: bool) -> None:
        """It waits, behind those that are as urgent; one that waits already keeps its place, or goes before others."""
        if urgent:
            self._others.pop(name, None)
            self._urgent.setdefault(name)
        elif name not in self._urgent:
            self._others.setdefault(name)

    def pop(self) -> Name:
        """The first one, which waits no longer."""
        return (self._urgent or self._others).popitem(last=False)[0]

    def discard(self, name: Name) -> None:
        """It waits no longer."""
        self._urgent.pop(name, None)
        self._others.pop(name, None)
