"""Which keys this installation knows, and whether it can know them all."""

import json
from collections.abc import Callable

from keypool.cluster.cache import ObjectCache
from keypool.cluster.ledgers import LedgerBook
from keypool.core.ledger import Ledger
from keypool.core.projection import ANNOTATION_HANDLES
from keypool.core.seal import is_newer
from keypool.core.views_secret import SecretView
from keypool.reconcile.readings import FINALIZER, claims


class Registry:
    """Looks through all ledgers and published Secrets."""

    def __init__(self, ledgers: LedgerBook, cache: ObjectCache, is_seen: Callable[[], bool]) -> None:
        """`is_seen`: whether all pools that are served are in the cache."""
        self._ledgers, self._cache, self._is_seen = ledgers, cache, is_seen

    def handles(self) -> set[str]:
        """The handles in all ledgers, tombstones too, and those that stand on published Secrets."""
        ledgers = (handle.ledger for handle in self._ledgers.all())
        known = {key.handle for ledger in ledgers for key in ledger.keys if key.handle is not None}
        return known.union(*map(_published_handles, self._cache.secrets()))

    def is_complete(self) -> bool:
        """False while a ledger is missing, unreadable, or older than its pool's Secret: it may know more keys. And
        while it is not known which pools there are."""
        if not self._is_seen() or self._ledgers.unreadable or any(map(self._is_newer, self._cache.secrets())):
            return False
        pools = (obj["metadata"] for obj in self._cache.pools())
        return all(self._has_ledger(meta["uid"]) for meta in pools if FINALIZER in (meta.get("finalizers") or ()))

    def is_behind(self, ledger: Ledger) -> bool:
        """Whether a Secret of the pool was written from a newer ledger, as after a restored backup: the keys in this
        one may be long gone."""
        pool = self._cache.pool(ledger.pool_uid)
        views = (self._cache.secret(ledger.namespace, name) for name in (claims(pool) if pool is not None else ()))
        return any(view is not None and is_newer(view, ledger) for view in views)

    def _has_ledger(self, uid: str) -> bool:
        handle = self._ledgers.get(uid)
        return handle is not None and handle.exists

    def _is_newer(self, view: SecretView) -> bool:
        handle = self._ledgers.get(view.owner_uid) if view.owner_uid is not None else None
        return handle is not None and is_newer(view, handle.ledger)


def _published_handles(view: SecretView) -> set[str]:
    """Those that the Secret's annotation names; none when somebody made it unreadable."""
    try:
        handles = json.loads(view.annotations.get(ANNOTATION_HANDLES, "{}"))
    except (ValueError, RecursionError):
        return set()
    return {handle for handle in handles.values() if isinstance(handle, str)} if isinstance(handles, dict) else set()
