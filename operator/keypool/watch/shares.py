"""Which places there are for passes: each provider's pools have their own, so that none waits for another's; and which
pools come first."""

from collections.abc import Callable
from functools import partial

from keypool.cluster.cache import ObjectCache, provider_place
from keypool.core.asked import is_handled
from keypool.core.ledger import Ledger
from keypool.core.rotation import is_compromised
from keypool.reconcile.readings import COMPROMISED, request
from keypool.watch.lanes import Lane

PROVIDERS = 16
"""Providers whose pools find all their places free, however many other providers do not answer."""
LOOKS = 64
"""Providers that are looked at side by side; no pass over a pool takes one of their places."""


def lanes(cache: ObjectCache, ledger_of: Callable[[str], Ledger | None], each: int) -> dict[str, Lane]:
    """The queue's lanes: at most `each` passes over pools of one provider at once. `ledger_of` a pool's UID."""
    return {
        "provider": Lane(LOOKS),
        "pool": Lane(
            PROVIDERS * each, each, partial(providers_of, cache, ledger_of), partial(is_urgent, cache, ledger_of)
        ),
    }


def providers_of(cache: ObjectCache, ledger_of: Callable[[str], Ledger | None], key: str) -> frozenset[str]:
    """UIDs of the providers that a pass over this pool may call: the one it names, and those where it has keys.

    So pools that leave a provider which does not answer do not hold up those that were always at their new one.
    """
    uid = key.partition("/")[2]
    pool, ledger = cache.pool(uid), ledger_of(uid)
    found = {record.provider for record in ledger.keys} if ledger is not None else set()
    if pool is not None:
        named = cache.provider(*provider_place(pool))
        found |= {named["metadata"]["uid"]} if named is not None else set()
    return frozenset(found)


def is_urgent(cache: ObjectCache, ledger_of: Callable[[str], Ledger | None], key: str) -> bool:
    """Whether a key of this pool was reported compromised and may still be live."""
    uid = key.partition("/")[2]
    pool, ledger = cache.pool(uid), ledger_of(uid)
    if ledger is not None and any(is_compromised(record) for record in ledger.keys):
        return True
    reported = request(pool, COMPROMISED) if pool is not None else None
    return reported is not None and (ledger is None or not is_handled(reported, ledger.handled_compromised, uid))
