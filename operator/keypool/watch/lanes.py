"""Whose turn it is: ready keys, taken so that nobody can occupy everybody's places. No I/O, no clock.

Places are shared in two levels. Owners (namespaces) take turns, those with something urgent first, and one has half of
the places at most. Within an owner its groups (the pools of one provider) take turns, urgent keys first, in the order
in which they became ready; only so many keys of a group run at once, so a provider that does not answer holds up its
own pools alone. A key that waits for somebody's answer leaves its place to others meanwhile. While an urgent key works,
few others do: they share one CPU, and each step of one waits for a step of all others.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

from keypool.core.queueing import UrgentFirst


@dataclass(slots=True)
class _Group:
    """One owner's keys of a group: those that wait, and how many run."""

    waiting: UrgentFirst[str] = field(default_factory=UrgentFirst)
    running: int = 0


@dataclass(slots=True)
class _Owner:
    """`turns`: the groups that have a key and room for it. Of the keys that run, those that wait for an answer do not
    work."""

    groups: dict[Hashable, _Group] = field(default_factory=dict)
    turns: UrgentFirst[Hashable] = field(default_factory=UrgentFirst)
    running: int = 0
    working: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    owner: Hashable
    group: Hashable


BESIDE_URGENT = 4
"""Keys that are not urgent, and work while an urgent one does."""


class Lane:
    """At most `total` keys work at once, of these half at most of one owner; at most `each` of an owner's keys in one
    group run, and twice as many of all owners'; at most `most` of an owner run. Every operation takes constant time.

    `group_of`, `owner_of` and `is_urgent` are asked when a key becomes ready, and `is_urgent` again whenever it is
    touched; keys that have no room wait without occupying a place.
    """

    def __init__(
        self,
        total: int,
        each: int | None = None,
        group_of: Callable[[str], Hashable] = lambda _: None,
        is_urgent: Callable[[str], bool] = lambda _: False,
        *,
        owner_of: Callable[[str], Hashable] | None = None,
        most: int | None = None,
        before: "Lane | None" = None,
    ) -> None:
        """`each` and `most` None: no such limit. `owner_of` None: nobody to share with. `before`: a lane whose urgent
        keys come before those of this one, too."""
        self._before = before
        self._total, self._each, self._most = total, each, most
        self._of_one = total if owner_of is None else max(total // 2, 1)
        self.owner_of: Callable[[str], Hashable] = owner_of or (lambda _: None)
        self.is_urgent, self._group_of = is_urgent, group_of
        self._owners: dict[Hashable, _Owner] = {}
        self._turns: UrgentFirst[Hashable] = UrgentFirst()
        self._waiting: dict[str, _Place] = {}
        self._running: dict[str, _Place] = {}
        self._working: set[str] = set()
        self._urgent: set[str] = set()
        """Keys that were urgent when they were taken, and run."""
        self._at: Counter[Hashable] = Counter()
        self.only_urgent = False
        """Whether all other keys wait, whatever room there is."""
        self._parked: dict[Hashable, OrderedDict[Hashable, None]] = {}

    def __len__(self) -> int:
        """Keys that wait for a place."""
        return len(self._waiting)

    @property
    def running(self) -> int:
        """Keys that were taken and are not done."""
        return len(self._running)

    @property
    def urgent_works(self) -> bool:
        """Whether an urgent key works."""
        return not self._urgent.isdisjoint(self._working)

    def put(self, key: str) -> None:
        """The key is ready; it must neither wait nor run already."""
        place = self._waiting[key] = _Place(self.owner_of(key), self._group_of(key))
        owner = self._owners.setdefault(place.owner, _Owner())
        owner.groups.setdefault(place.group, _Group()).waiting.put(key, urgent=self.is_urgent(key))
        self._list(place)

    def touch(self, key: str) -> None:
        """A key that waits goes before others as soon as it is urgent."""
        place = self._waiting[key]
        waiting = self._group(place).waiting
        if not waiting.is_urgent(key) and self.is_urgent(key):
            waiting.put(key, urgent=True)
            self._list(place)

    def take(self) -> str | None:
        """The key whose turn it is; None when there is none, or no room. It runs, and works, until `done`."""
        while self._turns and len(self._working) < self._total and (self._turns.urgent or self._others_may()):
            name = self._turns.pop()
            owner = self._owners[name]
            place = _Place(name, owner.turns.pop())
            if self._is_full(place.group):  # others took the places meanwhile
                self._parked.setdefault(place.group, OrderedDict())[name] = None
                self._list_owner(name)
                continue
            waiting = self._group(place).waiting
            urgent = waiting.urgent
            return self._begun(place, waiting.pop(), urgent=urgent)
        return None

    def _others_may(self) -> bool:
        """Whether a key that is not urgent may be taken now."""
        if self.only_urgent or not (self.urgent_works or (self._before is not None and self._before.urgent_works)):
            return not self.only_urgent
        return len(self._working - self._urgent) < BESIDE_URGENT

    def _begun(self, place: _Place, key: str, *, urgent: bool) -> str:
        owner, group = self._owners[place.owner], self._group(place)
        if urgent:
            self._urgent.add(key)
        del self._waiting[key]
        self._running[key] = place
        self._working.add(key)
        group.running += 1
        owner.running += 1
        owner.working += 1
        self._at[place.group] += 1
        self._list(place)
        self._list_owner(place.owner)
        if place.owner not in self._turns:  # it is full now
            self._hand_on_all(owner)
        return key

    def waits(self, key: str) -> None:
        """The key waits for an answer: others may work in its place."""
        if key in self._working:
            self._working.discard(key)
            owner = self._running[key].owner
            self._owners[owner].working -= 1
            self._list_owner(owner)

    def works(self, key: str) -> None:
        """It has its answer, and works at once: whoever would wait here may hold what others wait for."""
        if key in self._running and key not in self._working:
            self._working.add(key)
            owner = self._running[key].owner
            self._owners[owner].working += 1
            self._list_owner(owner)

    def done(self, key: str) -> None:
        """The key does not run any more."""
        self.waits(key)
        self._urgent.discard(key)
        place = self._running.pop(key)
        owner, group = self._owners[place.owner], self._group(place)
        group.running -= 1
        owner.running -= 1
        self._at[place.group] -= 1
        if not self._at[place.group]:
            del self._at[place.group]
        if place.group in self._parked and group.waiting:  # others wait for this place, and longer
            self._parked[place.group][place.owner] = None
        else:
            self._list(place)
        self._list_owner(place.owner)
        self._forget_if_empty(place)
        self._hand_on(place.group)

    def clear(self) -> None:
        """Forget all keys that wait."""
        for place in set(self._waiting.values()):
            self._group(place).waiting = UrgentFirst()
            self._owners[place.owner].turns = UrgentFirst()
        places, self._waiting = set(self._waiting.values()), {}
        self._turns, self._parked = UrgentFirst(), {}
        for place in places:
            self._forget_if_empty(place)

    # -- how

    def _group(self, place: _Place) -> _Group:
        return self._owners[place.owner].groups[place.group]

    def _forget_if_empty(self, place: _Place) -> None:
        owner, group = self._owners[place.owner], self._group(place)
        if not group.waiting and not group.running:
            del owner.groups[place.group]
        if not owner.groups:
            del self._owners[place.owner]

    def _is_full(self, group: Hashable) -> bool:
        return self._each is not None and self._at[group] >= 2 * self._each

    def _list(self, place: _Place) -> None:
        """Gives the group a turn among those of its owner, one at a time, while it has a key and room for it."""
        group = self._group(place)
        if not group.waiting or (self._each is not None and group.running >= self._each):
            return
        if self._is_full(place.group):
            self._parked.setdefault(place.group, OrderedDict())[place.owner] = None
            return
        self._owners[place.owner].turns.put(place.group, urgent=group.waiting.urgent)
        self._list_owner(place.owner)

    def _list_owner(self, name: Hashable) -> None:
        """Gives the owner a turn, one at a time, while it has a group whose turn it is, and room."""
        owner = self._owners[name]
        if owner.working < self._of_one and (self._most is None or owner.running < self._most):
            if owner.turns:
                self._turns.put(name, urgent=owner.turns.urgent)
            return
        if name in self._turns:
            self._turns.discard(name)
            self._hand_on_all(owner)

    def _hand_on_all(self, owner: _Owner) -> None:
        """Places that a full owner was given and cannot take go to others."""
        for group in self._parked.keys() & owner.turns.names:
            self._hand_on(group)

    def _hand_on(self, group: Hashable) -> None:
        """A place in the group is free: the next of the owners that wait for one has its turn."""
        parked = self._parked.get(group)
        while parked and not self._is_full(group):
            name, _ = parked.popitem(last=False)
            if name in self._owners and group in self._owners[name].groups:
                self._list(_Place(name, group))
                if name in self._turns:
                    break
        if parked is not None and not parked:
            self._parked.pop(group, None)
