"""Objects of one kind as last seen, newest version only. No I/O."""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_TOMBSTONES = 20_000


@dataclass(frozen=True, slots=True)
class Entry(Generic[T]):
    """An object with what identifies it; `version` is its resourceVersion as a number."""

    namespace: str
    name: str
    uid: str
    version: int
    value: T


class Store(Generic[T]):
    """By UID, and by namespace and name.

    A removal is remembered with its version, so that an older event that arrives late resurrects nothing; the newest
    `_TOMBSTONES` removals are kept. An object that comes back with a newer version (a label set again) is taken.
    """

    def __init__(self) -> None:
        self._by_uid: dict[str, Entry[T]] = {}
        self._by_name: dict[tuple[str, str], str] = {}
        self._removed: OrderedDict[str, int] = OrderedDict()
        self._counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._by_uid)

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(tuple(self._by_uid.values()))

    def by_uid(self, uid: str) -> Entry[T] | None:
        """The object of that UID."""
        return self._by_uid.get(uid)

    def by_name(self, namespace: str, name: str) -> Entry[T] | None:
        """The object of that name."""
        uid = self._by_name.get((namespace, name))
        return None if uid is None else self._by_uid[uid]

    def count(self, namespace: str) -> int:
        """How many there are in a namespace."""
        return self._counts[namespace]

    def newest(self) -> int:
        """The highest version seen among the objects, 0 for none."""
        return max((entry.version for entry in self._by_uid.values()), default=0)

    def is_news(self, namespace: str, name: str, uid: str, version: int) -> bool:
        """Whether a sighting is newer than all that is known of the object and of its name."""
        known = self._by_uid.get(uid) or self.by_name(namespace, name)
        return version > max(known.version if known else -1, self._removed.get(uid, -1))

    def put(self, entry: Entry[T]) -> Entry[T] | None:
        """Take an entry that `is_news`; returns the entry of another UID that had its name, which is gone then."""
        former = self.by_name(entry.namespace, entry.name)
        replaced = former if former is not None and former.uid != entry.uid else None
        if replaced is not None:
            self.remove(replaced.uid, entry.version)
        self._counts[entry.namespace] += entry.uid not in self._by_uid
        self._by_uid[entry.uid] = entry
        self._by_name[entry.namespace, entry.name] = entry.uid
        self._removed.pop(entry.uid, None)
        return replaced

    def remove(self, uid: str, version: int) -> Entry[T] | None:
        """Forget the object as of `version`; returns what was known, None when there was nothing or it is newer."""
        known = self._by_uid.get(uid)
        if known is not None and known.version > version:
            return None
        self._removed[uid] = max(version, self._removed.get(uid, -1))
        self._removed.move_to_end(uid)
        while len(self._removed) > _TOMBSTONES:
            self._removed.popitem(last=False)
        if known is not None:
            del self._by_uid[uid]
            del self._by_name[known.namespace, known.name]
            self._count_down(known.namespace)
        return known

    def discard(self, namespace: str, name: str) -> None:
        """Do not keep the object of that name, which may exist."""
        if (uid := self._by_name.pop((namespace, name), None)) is not None:
            del self._by_uid[uid]
            self._count_down(namespace)

    def _count_down(self, namespace: str) -> None:
        self._counts[namespace] -= 1
        if not self._counts[namespace]:
            del self._counts[namespace]

    def clear(self) -> None:
        """Forget everything, removals too."""
        self._by_uid.clear()
        self._by_name.clear()
        self._counts.clear()
        self._removed.clear()
