"""Names of keys at the provider: readable in a vendor's console, unique, never reused. Purely computational."""

import hashlib

OURS = "keypool.dev/"
"""The names of labels, annotations, finalizers and types that are keypool's begin with it."""
BEGINS = "kp."
"""Each name of a key of ours."""
MAX_LENGTH = 100
"""Characters; LiteLLM and OpenRouter take more, some consoles show less."""


def nonce(entropy: str, index: int) -> str:
    """Ten characters drawn from `entropy` (random, fresh for each pass); distinct for each index."""
    return hashlib.sha256(f"{entropy}/{index}".encode()).hexdigest()[:10]


def upstream_name(namespace: str, pool: str, installation: str, nonce: str) -> str:
    """`kp.<namespace>.<pool>.<installation>.<nonce>`; namespace and pool are cut where they are too long."""
    room = MAX_LENGTH - len(f"kp....{installation}{nonce}")
    short_namespace = namespace[: max(room // 2, room - len(pool))]
    return f"{BEGINS}{short_namespace}.{pool[: room - len(short_namespace)]}.{installation}.{nonce}"


def metadata_of(namespace: str, pool: str, installation: str) -> dict[str, str]:
    """What each key says of itself where the provider lets it: the same for all keys of a pool, whole, and for ever, so
    that a bill can be split by it."""
    return {
        "keypool.dev/namespace": namespace,
        "keypool.dev/pool": pool,
        "keypool.dev/installation": installation,
    }


def jitter(name: str) -> float:
    """A number in [0, 1) that depends on the name alone: spreads work without remembering anything."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2**32
