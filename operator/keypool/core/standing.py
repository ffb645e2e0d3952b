"""Which keys workloads really find: what the Secrets in the cluster hold, not what they are to hold. Pure."""

from keypool.core.fingerprint import SHOWN
from keypool.core.ledger import KeyRecord
from keypool.core.observation import Observation
from keypool.core.projection import secret_names


def standing(o: Observation) -> tuple[KeyRecord, ...]:
    """The ledger's keys that stand in the pool's Secrets as they are. Of a keys.json only the whole is known: it holds
    what was seen in it last. Where the spec cannot be read, nobody knows the Secrets' names, and the same goes."""
    pool = o.known_pool
    if pool.spec is None:
        return tuple(key for key in o.ledger.keys if _was_seen(key))
    names = secret_names(pool.name, pool.spec)
    main = o.secrets.get(names.published)
    held = {digest[:SHOWN] for digest in main.digests.values()} if main is not None else set()
    listed = any(name in o.secrets for name in names.wanted(pool.spec.size)[1:])
    return tuple(key for key in o.ledger.keys if key.print in held or (listed and _was_seen(key)))


def _was_seen(key: KeyRecord) -> bool:
    return key.published_at is not None and key.unpublished_at is None


def primary_in_the_secret(o: Observation) -> KeyRecord | None:
    """The key that the published Secret's apiKey is; None where it is none of ours, or there is no Secret."""
    pool = o.known_pool
    if pool.spec is None:
        return o.ledger.key(o.ledger.primary) if o.ledger.primary else None
    view = o.secrets.get(secret_names(pool.name, pool.spec)[0])
    digest = view.digests.get(pool.spec.secret.keys.api_key, "") if view is not None else ""
    return next((key for key in o.ledger.keys if digest and key.print == digest[:SHOWN]), None)
