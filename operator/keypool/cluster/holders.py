"""KeyHolders as they were last seen: of most of them, that they are there. No I/O.

There may be thousands, and whoever may write one says in it what they like: so a small part is kept.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from keypool.api.key_holder import MOST_KEYS, MOST_POOLS
from keypool.cluster.indices import Index
from keypool.cluster.store import Entry, Store
from keypool.core.holders import NOTHING, HolderView, Rejection

_LONGEST, _LONGEST_NAME, _LONGEST_MOMENT = 128, 253, 64


def holder_view(obj: Mapping[str, Any]) -> HolderView:
    """Parse a KeyHolder. One that holds more than it may, or is not its pod's own, says nothing. Pure."""
    pod, pools = _pod(obj.get("metadata")), _list(_dict(obj.get("spec")).get("pools"))
    held = [(pool.get("name"), key) for pool in pools for key in _list(pool.get("keys"))]
    if not pod or len(pools) > MOST_POOLS or len(held) > MOST_KEYS:
        return NOTHING
    rejected = frozenset(told for pool, key in held if (told := _rejection(pool, key)) is not None)
    return HolderView(pod, rejected) if rejected else NOTHING


def _rejection(pool: object, key: Mapping[str, Any]) -> Rejection | None:
    name, moment = key.get("id"), key.get("rejected")
    whole = _is_text(pool, _LONGEST_NAME) and _is_text(name, _LONGEST) and _is_text(moment, _LONGEST_MOMENT)
    return Rejection(str(pool), str(name), str(moment)) if whole else None


def _pod(meta: object) -> str:
    """The UID of the one owner, where that is the pod of the object's own name."""
    meta = _dict(meta)
    owners = _list(meta.get("ownerReferences"))
    if len(owners) != 1:
        return ""
    kind = (owners[0].get("apiVersion"), owners[0].get("kind"), owners[0].get("name"))
    uid = owners[0].get("uid")
    return str(uid) if kind == ("v1", "Pod", meta.get("name")) and _is_text(uid, _LONGEST) else ""


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most


def _dict(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Mapping[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


class Holders(Store[HolderView]):
    """Those that report something are found by the pool that it is about."""

    def __init__(self) -> None:
        super().__init__()
        self._reporting = Index()

    def put(self, entry: Entry[HolderView]) -> Entry[HolderView] | None:
        """As a `Store` does."""
        replaced = super().put(entry)
        self._reporting.set(entry.uid, {(entry.namespace, told.pool) for told in entry.value.rejected})
        return replaced

    def remove(self, uid: str, version: int) -> Entry[HolderView] | None:
        """As a `Store` does."""
        removed = super().remove(uid, version)
        if removed is not None:
            self._reporting.set(uid, set())
        return removed

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._reporting = Index()

    def count_reporting(self, namespace: str, pool: str) -> int:
        """How many report keys of this pool."""
        return len(self._reporting.get((namespace, pool)))

    def reporting(self, namespace: str, pool: str) -> Iterator[Entry[HolderView]]:
        """The holders that report keys of this pool as rejected."""
        found = (self.by_uid(uid) for uid in self._reporting.get((namespace, pool)))
        return (entry for entry in found if entry is not None)
