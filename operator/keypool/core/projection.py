"""What the published Secrets must hold: a pure projection of the ledger and the spec. Never read back as an input."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.relay_file import relay_json
from keypool.core.seal import ANNOTATION_MAC, mac
from keypool.core.views_secret import ANNOTATION_ADOPTED, ANNOTATION_REVISION, SecretView

LABEL_PUBLISHED = "keypool.dev/published"
LABEL_POOL_UID = "keypool.dev/pool-uid"
ANNOTATION_HANDLES = "keypool.dev/handles"
MANAGED_BY = "app.kubernetes.io/managed-by"


@dataclass(frozen=True, slots=True)
class Desired:
    """One Secret as it must be. `data` holds values and so never shows in a repr. `entries`: of a Secret that was taken
    over, those that are keypool's to write and to remove; None for one of its own, which holds nothing else."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    data: Mapping[str, str] = field(repr=False)
    entries: tuple[str, ...] | None = None

    def equals(self, view: SecretView) -> bool:
        """True when the observed Secret needs no write; labels and annotations of others do not count."""
        owner = self.labels[LABEL_POOL_UID] if self.entries is None else None
        return self.holds(view) and view.owner_uid == owner and not self.altered(view)

    def holds(self, view: SecretView) -> bool:
        """True when its entries are right, whatever is written around them: it holds these keys and no other."""
        ours = self.entries
        return _digests(self.data) == {key: found for key, found in view.digests.items() if ours is None or key in ours}

    def altered(self, view: SecretView) -> tuple[str, ...]:
        """Names of our labels and annotations that are not as they must be, or are not wanted any more. Whoever wants
        another `managed-by` has it: that is a convention's label, and nothing hangs on it."""
        labels = _differing(self.labels, view.labels, view.managed_labels) - {MANAGED_BY}
        annotations = _differing(self.annotations, view.annotations, view.managed_annotations)
        return tuple([f"label {key}" for key in sorted(labels)] + [f"annotation {key}" for key in sorted(annotations)])


def _differing(wanted: Mapping[str, str], found: Mapping[str, str], managed: frozenset[str]) -> set[str]:
    return {key for key, text in wanted.items() if found.get(key) != text} | (managed - wanted.keys())


class Names(NamedTuple):
    """The Secrets that a pool claims: the published one, the one for balancers, the one for relays.

    All are claimed at every size, so that scaling up never meets somebody else's Secret.
    """

    published: str
    balanced: str
    relay: str

    def wanted(self, size: int) -> tuple[str, ...]:
        """Those that are written."""
        return (self.published, self.balanced, self.relay) if size > 1 else (self.published, self.relay)


def secret_names(name: str, spec: ApiKeyPoolSpec) -> Names:
    """The Secrets of a pool of that name. The relay's follows from the name alone, so that whoever knows the pool finds
    it."""
    published = spec.secret.name or name
    return Names(published, spec.secret.pool_name or f"{published}-pool", f"{name}-relay")


def usable(ledger: Ledger) -> tuple[KeyRecord, ...]:
    """The keys that stand in the Secrets, by slot: the active ones; when there is none, the last one withdrawn."""
    active = ledger.inside(KeyState.ACTIVE)
    if not active:
        withdrawn = [key for key in ledger.inside(KeyState.WITHDRAWN) if key.value is not None]
        primary = [key for key in withdrawn if key.name == ledger.primary]
        active = tuple(primary or withdrawn[-1:])
    return tuple(sorted(active, key=lambda key: key.slot))


def choose_primary(ledger: Ledger) -> str | None:
    """The primary moves only when its key leaves: then to its successor in the slot, else to the lowest slot."""
    candidates = usable(ledger)
    if not candidates or any(key.name == ledger.primary for key in candidates):
        return ledger.primary if candidates else None
    left = ledger.key(ledger.primary) if ledger.primary else None
    same_slot = [key for key in candidates if left is not None and key.slot == left.slot]
    return (same_slot or list(candidates))[0].name


def project(ledger: Ledger, spec: ApiKeyPoolSpec) -> tuple[Desired, ...]:
    """The Secrets as they must be; empty before the first key is proven.

    All keys of a Secret are the primary's provider's, as they share its base URL. The relay's is not there before it is
    known what to tell of the provider.
    """
    keys = usable(ledger)
    if not keys:
        return ()
    names = secret_names(ledger.pool, spec)
    primary = next((key for key in keys if key.name == ledger.primary), keys[0])
    keys = tuple(key for key in keys if key.provider == primary.provider)
    main = {spec.secret.keys.api_key: _value(primary), spec.secret.keys.base_url: ledger.base_url}
    plain = [_desired(names.published, ledger, spec, (primary,), main)]
    if spec.size > 1:
        listed = {"keys.json": _keys_json(keys, ledger.base_url, ledger.limits_per)}
        plain.append(_desired(names.balanced, ledger, spec, keys, listed))
    if ledger.relay is not None and names.relay not in names[:2]:
        told = {"keys.json": relay_json(ledger, ledger.relay, keys, primary)}
        plain.append(_desired(names.relay, ledger, spec, keys, told))
    return tuple(_adopting(ledger, desired) for desired in plain)


def _adopting(ledger: Ledger, desired: Desired) -> Desired:
    if (adopted := ledger.adoption(desired.name)) is None:
        return desired
    entries = tuple(dict.fromkeys((*adopted.entries, *desired.data)))
    return replace(desired, entries=entries, annotations={**desired.annotations, ANNOTATION_ADOPTED: ",".join(entries)})


def _desired(
    name: str, ledger: Ledger, spec: ApiKeyPoolSpec, keys: tuple[KeyRecord, ...], data: Mapping[str, str]
) -> Desired:
    annotations = _annotations(ledger, spec, keys)
    if ledger.seals:
        annotations[ANNOTATION_MAC] = mac(ledger.seals[0], ledger.pool_uid, name, ledger.publication, _digests(data))
    return Desired(name, _labels(ledger, spec), annotations, data)


def _digests(data: Mapping[str, str]) -> dict[str, str]:
    return {key: hashlib.sha256(text.encode()).hexdigest() for key, text in data.items()}


def _value(key: KeyRecord) -> str:
    assert key.value is not None  # noqa: S101  # only proven keys are usable
    return key.value.get_secret_value()


def _keys_json(keys: tuple[KeyRecord, ...], base_url: str, per: str) -> str:
    entries = [
        {"id": key.name, "slot": key.slot, "apiKey": _value(key), "limits": _limits(key), "limitsPer": per}
        for key in keys
    ]
    return json.dumps({"baseURL": base_url, "keys": entries}, separators=(",", ":"))


def _limits(key: KeyRecord) -> dict[str, Any]:
    """Those in force; what is left to the provider's default is not there."""
    spend = key.spend_limit
    shown = {
        "requestsPerMinute": key.requests_per_minute,
        "spend": {"amount": str(spend.amount), "period": spend.period} if spend is not None else None,
        "models": list(key.models) or None,
    }
    return {name: limit for name, limit in shown.items() if limit is not None}


def _labels(ledger: Ledger, spec: ApiKeyPoolSpec) -> dict[str, str]:
    own = {LABEL_PUBLISHED: "true", LABEL_POOL_UID: ledger.pool_uid, MANAGED_BY: "keypool"}
    return {**(spec.secret.labels or {}), **own}


def _annotations(ledger: Ledger, spec: ApiKeyPoolSpec, keys: tuple[KeyRecord, ...]) -> dict[str, str]:
    handles = json.dumps({key.print or "": key.handle or "" for key in keys}, separators=(",", ":"))
    own = {ANNOTATION_REVISION: str(ledger.publication), ANNOTATION_HANDLES: handles}
    return {**{key: text for key, text in (spec.secret.annotations or {}).items() if not _is_ours(key)}, **own}


def _is_ours(key: str) -> bool:
    """What a Secret allows, for instance, is not for pools to say."""
    domain = key.partition("/")[0]
    return "/" in key and (domain == "keypool.dev" or domain.endswith(".keypool.dev"))
