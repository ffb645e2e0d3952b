"""Which places there are for passes, how namespaces and providers share them, and which pools come first."""

from collections.abc import Callable
from functools import partial
from typing import Any

from keypool.api.pool import ApiKeyPoolSpec
from keypool.cluster.cache import ObjectCache, provider_place
from keypool.core import asked
from keypool.core.annotations import COMPROMISED
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.rotation import Why, is_compromised
from keypool.core.rules.creation import REJECTIONS_THAT_STOP
from keypool.core.rules.lost import has_lost_too_many
from keypool.reconcile.readings import request
from keypool.watch.lanes import Lane

PASSES, LOOKS = 16, 16
"""Passes over pools, and looks at providers, that work side by side: what waits for an answer has no place."""
PROVIDERS = 16
"""Providers whose pools find all their places free in one namespace, however many others there do not answer."""
LOOKS_OF_ONE = 16
"""Providers of one namespace that are looked at side by side, also those that do not answer: these go on together when
their time is over, and more of them would hold up everybody then."""
DEFAULT_SIZE = ApiKeyPoolSpec.model_fields["size"].default
_OUT_OF_USE = (KeyState.DRAINING, KeyState.REVOKING, KeyState.OWED, KeyState.UNRESOLVED)
"""What goes on with a leaked key although no new one may be made."""


def lanes(
    cache: ObjectCache,
    ledger_of: Callable[[str], Ledger | None],
    each: int,
    is_proven: Callable[[str], bool] = lambda _: False,
) -> dict[str, Lane]:
    """The queue's lanes: at most `each` passes over one namespace's pools of a provider at once. `ledger_of` a pool's
    UID; `is_proven`: whether a provider of that UID was good once."""
    pools = Lane(
        PASSES,
        each,
        partial(providers_of, cache, ledger_of),
        partial(is_urgent, cache, ledger_of),
        owner_of=partial(namespace_of_pool, cache, ledger_of),
        most=PROVIDERS * each,
    )
    return {
        "provider": Lane(
            LOOKS,
            is_urgent=lambda key: is_proven(key.partition("/")[2]),
            owner_of=partial(namespace_of_provider, cache),
            most=LOOKS_OF_ONE,
            before=pools,
        ),
        "pool": pools,
    }


def namespace_of_provider(cache: ObjectCache, key: str) -> str | None:
    """The provider's; "" for one of the cluster, None for one that is gone."""
    obj = cache.provider_by_uid(key.partition("/")[2])
    return None if obj is None else str(obj["metadata"].get("namespace", ""))


def namespace_of_pool(cache: ObjectCache, ledger_of: Callable[[str], Ledger | None], key: str) -> str | None:
    """The pool's, also when its ledger is all that is left; None where nothing is."""
    uid = key.partition("/")[2]
    if (pool := cache.pool(uid)) is not None:
        return str(pool["metadata"]["namespace"])
    ledger = ledger_of(uid)
    return ledger.namespace if ledger is not None else None


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
    """Whether a key of this pool was reported compromised, may still be live, and something can be done about it."""
    uid = key.partition("/")[2]
    pool, ledger = cache.pool(uid), ledger_of(uid)
    stopped = _is_suspended(pool) or (ledger is not None and ledger.rejected_in_a_row >= REJECTIONS_THAT_STOP)
    if ledger is not None and not ledger.retained and _is_ours_to_answer(ledger, _size(pool), stopped=stopped):
        return True
    reported = request(pool, COMPROMISED) if pool is not None else None
    if reported is None or (ledger is not None and asked.is_handled(reported, ledger.handled_compromised, uid)):
        return False
    return not _is_suspended(pool) or asked.read(reported).at_once


def _is_suspended(pool: dict[str, Any] | None) -> bool:
    return pool is not None and bool((pool.get("spec") or {}).get("suspend"))


def _size(pool: dict[str, Any] | None) -> int:
    return int(((pool or {}).get("spec") or {}).get("size") or DEFAULT_SIZE)


def _is_ours_to_answer(ledger: Ledger, size: int, *, stopped: bool) -> bool:
    """A slot that lost too many answers gets no successor before people say what became of them."""
    return any(
        _concerns_us(record, stopped or has_lost_too_many(ledger, record.slot, size))
        for record in ledger.keys
        if is_compromised(record)
    )


def _concerns_us(key: KeyRecord, stopped: bool) -> bool:
    """Whether it leaked, and the next step is ours: not where people revoke it, or have to say what became of it; and
    where no successor may be made, only what needs none."""
    if not is_compromised(key) or key.state is KeyState.HELD:
        return False
    if key.why == Why.SUPPLIED and key.state is KeyState.OWED:
        return False
    return not stopped or key.at_once or key.state in _OUT_OF_USE
