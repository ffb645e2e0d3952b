"""Which keys this pod holds, and which of them the provider rejects. Pure: the clock is passed in.

A pod holds a key while it is in the file as read, or while a request that used it is open.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from keypool_client.model import Key, Pool
from keypool_client.policy.outcome import FailureClass

MOST_KEYS, MOST_POOLS = 16, 4
"""In one KeyHolder."""
LONGEST_ID, LONGEST_POOL = 128, 253
_POOL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
GOOD_AGAIN_SECONDS = 60.0
"""A success so long after the last rejection ends it. Sooner, a provider whose servers do not agree would have it
written again and again."""
REJECTIONS = frozenset({FailureClass.CREDENTIAL, FailureClass.UNKNOWN})
"""The second one is a 401 that no row knows: perhaps it is the key, perhaps not."""
API_VERSION = "keypool.dev/v1alpha1"

Place = tuple[str, str, str]
"""The pool's name, and a key's id and value: another value is another key."""


@dataclass(frozen=True, slots=True)
class Held:
    """A key as it is told. Times are seconds since 1970."""

    id: str
    since: float
    rejected: float | None = None
    """Since when the provider rejects it; None: it does not."""


Told = Mapping[str, tuple[Held, ...]]
"""By the pools' names in this pod's namespace, sorted, so that two are equal where they say the same."""


def place(pool: str, key: Key) -> Place:
    """What `Holding` calls a key."""
    return pool, key.id, key.value


class Holding:
    """`changed` is called where something may have to be told."""

    def __init__(self) -> None:
        self.changed: Callable[[], None] = _nobody
        self._pools: tuple[str, ...] = ()
        self._file: dict[Place, None] = {}
        self._used: dict[Place, int] = {}
        self._since: dict[Place, float] = {}
        self._rejected: dict[Place, tuple[float, float]] = {}
        """When it was rejected first, and last."""

    def update(self, pools: Iterable[Pool], now: float) -> None:
        """The file says this now."""
        pools = tuple(pools)
        self._pools = tuple(pool.name for pool in pools)
        self._file = dict.fromkeys(place(pool.name, key) for pool in pools for key in pool.keys)
        for each in self._file:
            self._since.setdefault(each, now)
        for each in [each for each in self._since if each not in self._file and each not in self._used]:
            self._forget(each)
        self.changed()

    def began(self, key: Place, now: float) -> None:
        """A request uses it."""
        self._used[key] = self._used.get(key, 0) + 1
        if key not in self._since:
            self._since[key] = now
            self.changed()

    def ended(self, key: Place) -> None:
        """That request is over."""
        left = self._used.get(key, 0) - 1
        if left > 0:
            self._used[key] = left
            return
        self._used.pop(key, None)
        if key not in self._file:
            self._forget(key)
            self.changed()

    def rejected(self, key: Place, now: float) -> None:
        """The provider rejected it."""
        if key not in self._since:
            return
        before = self._rejected.get(key)
        self._rejected[key] = (now if before is None else before[0], now)
        if before is None:
            self.changed()

    def accepted(self, key: Place, began: float) -> None:
        """The provider took it, in a call that began then."""
        if self._rejected and key in self._rejected and began >= self._rejected[key][1] + GOOD_AGAIN_SECONDS:
            del self._rejected[key]
            self.changed()

    @property
    def count(self) -> int:
        """How many keys this pod holds, told or not."""
        return len(self._since)

    def told(self, namespace: str | None) -> Told:
        """What goes into the object: of pools in this namespace alone (None: of all).

        Where there are more keys than may be told, rejected ones come first, then those that left the file and are in
        use, then the others in the file's order.
        """
        told: dict[str, dict[str, Held]] = {}
        for key in sorted(self._candidates(), key=self._rank):
            name = _own_name(key[0], namespace)
            if name is None or len(key[1]) > LONGEST_ID or (name not in told and len(told) == MOST_POOLS):
                continue
            told.setdefault(name, {}).setdefault(key[1], self._held(key))
            if sum(map(len, told.values())) == MOST_KEYS:
                break
        for name in filter(None, (_own_name(pool, namespace) for pool in self._pools)):
            if len(told) < MOST_POOLS:
                told.setdefault(name, {})
        return {name: tuple(keys[each] for each in sorted(keys)) for name, keys in sorted(told.items())}

    def _candidates(self) -> Iterator[Place]:
        yield from self._file
        yield from (each for each in self._since if each not in self._file)

    def _rank(self, key: Place) -> int:
        return 0 if key in self._rejected else 1 if key not in self._file else 2

    def _held(self, key: Place) -> Held:
        rejected = self._rejected.get(key)
        return Held(key[1], self._since[key], None if rejected is None else rejected[0])

    def _forget(self, key: Place) -> None:
        self._since.pop(key, None)
        self._rejected.pop(key, None)


def _nobody() -> None:
    """Nobody is told of changes."""


def _own_name(pool: str, namespace: str | None) -> str | None:
    """The pool's name without its namespace; None where that is another one, or no ApiKeyPool has such a name."""
    where, _, name = pool.partition("/")
    return name if namespace in {None, where} and len(name) <= LONGEST_POOL and _POOL.fullmatch(name) else None


def is_urgent(before: Told, now: Told) -> bool:
    """Whether a key is rejected that was not told as such."""
    known = {(name, key.id) for name, keys in before.items() for key in keys if key.rejected is not None}
    return any(key.rejected is not None and (name, key.id) not in known for name, keys in now.items() for key in keys)


def key_holder(pod: str, uid: str, told: Told) -> dict[str, Any]:
    """The object, as it is applied: named after the pod, and owned by it alone, so that it goes with it."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": pod, "uid": uid}
    pools = [{"name": name, "keys": [_key(key) for key in keys]} for name, keys in told.items()]
    metadata = {"name": pod, "ownerReferences": [owner]}
    spec = {"pools": pools, "summary": _summary(told)}
    return {"apiVersion": API_VERSION, "kind": "KeyHolder", "metadata": metadata, "spec": spec}


def _summary(told: Told) -> dict[str, str | int]:
    """For kubectl's columns, which show one value each."""
    keys = [key for pool in told.values() for key in pool]
    rejected = sum(key.rejected is not None for key in keys)
    ids = ", ".join(key.id for key in keys)
    return {"pools": ", ".join(told), "keys": len(keys), "rejected": rejected, "ids": ids}


def _key(key: Held) -> dict[str, str]:
    rejected = {} if key.rejected is None else {"rejected": _written(key.rejected)}
    return {"id": key.id, "since": _written(key.since), **rejected}


def _written(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
