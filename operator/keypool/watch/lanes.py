"""Whose turn it is: ready keys, taken so that no group of them can occupy everybody's place. No I/O, no clock.

A group's keys (the pools of one provider) come in the order in which they became ready, urgent ones before the others,
and only so many of them run at once; a provider that does not answer therefore holds up its own pools alone. Groups
take turns.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Group:
    urgent: OrderedDict[str, None] = field(default_factory=OrderedDict)
    others: OrderedDict[str, None] = field(default_factory=OrderedDict)
    running: int = 0

    def __len__(self) -> int:
        return len(self.urgent) + len(self.others)

    def pop(self) -> str:
        return (self.urgent or self.others).popitem(last=False)[0]


class Lane:
    """At most `total` keys run at once, of these at most `each` of one group. Every operation takes constant time.

    `group_of` and `is_urgent` are asked when a key becomes ready, and `is_urgent` again whenever it is touched; keys of
    a group that has no room wait without occupying a place.
    """

    def __init__(
        self,
        total: int,
        each: int | None = None,
        group_of: Callable[[str], Hashable] = lambda _: None,
        is_urgent: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`each` None: no limit but `total`."""
        self._total, self._each, self._group_of, self._is_urgent = total, each or total, group_of, is_urgent
        self._groups: dict[Hashable, _Group] = {}
        self._turns: OrderedDict[Hashable, None] = OrderedDict()
        self._waiting: dict[str, Hashable] = {}
        self._running: dict[str, Hashable] = {}

    def __len__(self) -> int:
        """Keys that wait."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Keys that were taken and are not done."""
        return len(self._running)

    def put(self, key: str) -> None:
        """The key is ready; it must neither wait nor run already."""
        name = self._waiting[key] = self._group_of(key)
        self._groups.setdefault(name, _Group()).others[key] = None
        self._list(name)
        self.touch(key)

    def touch(self, key: str) -> None:
        """A key that waits goes before others as soon as it is urgent."""
        group = self._groups[self._waiting[key]]
        if key in group.others and self._is_urgent(key):
            del group.others[key]
            group.urgent[key] = None
            self._list(self._waiting[key])

    def take(self) -> str | None:
        """The key whose turn it is; None when there is none, or no room. It runs until `done`."""
        if not self._turns or len(self._running) >= self._total:
            return None
        name, _ = self._turns.popitem(last=False)
        group = self._groups[name]
        key = group.pop()
        del self._waiting[key]
        group.running += 1
        self._running[key] = name
        self._list(name)
        return key

    def done(self, key: str) -> None:
        """The key does not run any more."""
        name = self._running.pop(key)
        group = self._groups[name]
        group.running -= 1
        if not len(group) and not group.running:
            del self._groups[name]
        else:
            self._list(name)

    def clear(self) -> None:
        """Forget all keys that wait."""
        self._turns.clear()
        self._waiting.clear()
        self._groups = {name: _Group(running=group.running) for name, group in self._groups.items() if group.running}

    def _list(self, name: Hashable) -> None:
        """Gives the group a turn, one at a time, while it has a key and room for it; the first one for what is
        urgent."""
        group = self._groups[name]
        if len(group) and group.running < self._each:
            self._turns.setdefault(name)
            if group.urgent:
                self._turns.move_to_end(name, last=False)
