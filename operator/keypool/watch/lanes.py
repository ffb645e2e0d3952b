"""Whose turn it is: ready keys, taken so that no group of them can occupy everybody's place. No I/O, no clock.

A group's keys (the pools of one provider) come in the order in which they became ready, and only so many of them run
at once; a provider that does not answer therefore holds up its own pools alone. Groups take turns.
"""

from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Group:
    waiting: deque[str] = field(default_factory=deque)
    running: int = 0
    listed: bool = False


class Lane:
    """At most `total` keys run at once, of these at most `each` of one group. Every operation takes constant time.

    `group_of` is asked when a key becomes ready; keys of a group that has no room wait without occupying a place.
    """

    def __init__(
        self, total: int, each: int | None = None, group_of: Callable[[str], Hashable] = lambda _: None
    ) -> None:
        """`each` None: no limit but `total`."""
        self._total, self._each, self._group_of = total, each or total, group_of
        self._groups: dict[Hashable, _Group] = {}
        self._turns: deque[Hashable] = deque()
        self._running: dict[str, Hashable] = {}
        self._waiting = 0

    def __len__(self) -> int:
        """Keys that wait."""
        return self._waiting

    @property
    def running(self) -> int:
        """Keys that were taken and are not done."""
        return len(self._running)

    def put(self, key: str) -> None:
        """The key is ready; it must neither wait nor run already."""
        name = self._group_of(key)
        group = self._groups.setdefault(name, _Group())
        group.waiting.append(key)
        self._waiting += 1
        self._list(name, group)

    def take(self) -> str | None:
        """The key whose turn it is; None when there is none, or no room. It runs until `done`."""
        if not self._turns or len(self._running) >= self._total:
            return None
        name = self._turns.popleft()
        group = self._groups[name]
        group.listed = False
        key = group.waiting.popleft()
        self._waiting -= 1
        group.running += 1
        self._running[key] = name
        self._list(name, group)
        return key

    def done(self, key: str) -> None:
        """The key does not run any more."""
        name = self._running.pop(key)
        group = self._groups[name]
        group.running -= 1
        if not group.waiting and not group.running:
            del self._groups[name]
        else:
            self._list(name, group)

    def clear(self) -> None:
        """Forget all keys that wait."""
        self._turns.clear()
        self._waiting = 0
        for group in self._groups.values():
            group.waiting.clear()
            group.listed = False
        self._groups = {name: group for name, group in self._groups.items() if group.running}

    def _list(self, name: Hashable, group: _Group) -> None:
        """Gives the group a turn, one at a time, while it has a key and room for it."""
        if not group.listed and group.waiting and group.running < self._each:
            group.listed = True
            self._turns.append(name)
