"""The `keys.json` of the Secret `<pool>-relay`, version 1: docs/keys-json.md describes it. Pure."""

import hashlib
import json
from typing import Any

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.relay import Relay

VERSION = 1


def relay_json(ledger: Ledger, relay: Relay, keys: tuple[KeyRecord, ...], primary: KeyRecord) -> str:
    """WITH VALUES. All `keys` are of the primary's provider, whose endpoints are doors to one account: each key is
    valid at each of them."""
    names = [str(index) for index in range(len(relay.bases))]
    document = {
        "version": VERSION,
        "pool": f"{ledger.namespace}/{ledger.pool}",
        "provider": relay.kind,
        "account": _account(primary),
        "dialects": relay.dialects,
        "endpoints": [_endpoint(relay, name, bases) for name, bases in zip(names, relay.bases, strict=True)],
        "keys": [_key(ledger, relay, key, names) for key in keys],
    }
    return json.dumps(document, separators=(",", ":"))


def _endpoint(relay: Relay, name: str, bases: tuple[str, ...]) -> dict[str, Any]:
    trusted = {"ca": relay.ca} if relay.ca is not None else {}
    return {"name": name, **trusted, "bases": dict(zip(relay.dialects, bases, strict=True))}


def _key(ledger: Ledger, relay: Relay, key: KeyRecord, endpoints: list[str]) -> dict[str, Any]:
    return {
        "id": key.name,
        "value": key.value.get_secret_value() if key.value is not None else "",
        "endpoints": endpoints,
        "rateGroup": _account(key) if relay.rate_per == "account" else key.name,
        "creditGroup": _credit(ledger, relay, key),
    }


def _credit(ledger: Ledger, relay: Relay, key: KeyRecord) -> str:
    """A key with a limit of its own runs out alone, those of a pool that share a limit run out together."""
    if key.spend_limit is not None:
        return _opaque("pool", ledger.pool_uid) if key.spend_limit.shared else key.name
    return _account(key) if relay.credit_per == "account" else key.name


def _account(key: KeyRecord) -> str:
    """A team, workspace or project is an account of its own: limits and files are its own."""
    return _opaque("account", key.provider, key.identity or "")


def _opaque(*parts: str) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
