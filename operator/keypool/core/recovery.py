"""A ledger made whole again from what is published, what the provider lists and what it accepts. Pure.

Ownership never comes from a Secret, which a namespace's users may write: a key is adopted only where the provider's
listing pairs its value with a handle and no other pool has that handle. Nothing is revoked here, and no record is lost.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from pydantic import SecretStr

from keypool.core import asked
from keypool.core.fingerprint import fingerprint
from keypool.core.ledger import KeyRecord, Ledger, limit_facts
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.limits import NO_LIMITS
from keypool.core.naming import nonce, upstream_name
from keypool.core.observation import Observation
from keypool.core.rotation import Why, share_of_interval

PLAUSIBLE = re.compile(r"[\x21-\x7e]{16,512}")
"""What a key may look like; anything else in a Secret is not one."""
OURS = re.compile(r"kp\..+\.([a-z0-9]{4,16})\.([0-9a-f]{10})")
MOST_ENTRIES = 400
WITHOUT_HANDLE = (KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.HELD)


@dataclass(frozen=True, slots=True)
class Published:
    """A value that stands in a published Secret; `slot` and `name` are what a keys.json claims."""

    value: SecretStr = field(repr=False)
    primary: bool = False
    slot: int | None = None
    name: str | None = None

    @property
    def print(self) -> str:
        """The value's fingerprint."""
        return fingerprint(self.value)


class Listed(Protocol):
    """A key as a provider lists it."""

    @property
    def handle(self) -> str: ...

    @property
    def name(self) -> str | None: ...

    @property
    def fingerprint(self) -> str | None: ...

    @property
    def expires_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Evidences:
    """What was found out. `verdicts`: fingerprint -> whether the provider accepts the value; `foreign`: handles that
    other ledgers know; `newest`: the highest ledger revision that a Secret is stamped with."""

    published: tuple[Published, ...]
    listing: Sequence[Listed] = ()
    verdicts: Mapping[str, bool] = field(default_factory=dict)
    foreign: Collection[str] = frozenset()
    newest: int = 0


@dataclass(frozen=True, slots=True)
class Recovered:
    """`orphans`: fingerprints of published keys that work and cannot be shown to be ours; nobody revokes them."""

    ledger: Ledger
    orphans: tuple[str, ...] = ()


def published_in(secrets: Iterable[Mapping[str, str]], api_key: str) -> tuple[Published, ...]:
    """The values in published Secrets (their entries as text), each once. Never raises for what somebody wrote."""
    found: dict[str, Published] = {}
    primary: str | None = None
    for entries in secrets:
        primary = primary or entries.get(api_key)
        for entry in _entries(entries.get("keys.json")):
            found.setdefault(entry.print, entry)
    if primary is not None and PLAUSIBLE.fullmatch(primary):
        known = found.pop(fingerprint(SecretStr(primary)), None)
        slot, name = (known.slot, known.name) if known else (None, None)
        first = Published(SecretStr(primary), True, slot, name)
        found = {first.print: first, **found}
    return tuple(found.values())[:MOST_ENTRIES]


def _entries(text: str | None) -> list[Published]:
    try:
        document: Any = json.loads(text) if text is not None else {}
    except (ValueError, RecursionError):
        return []
    keys = document.get("keys") if isinstance(document, dict) else None
    entries = (_entry(key) for key in keys[:MOST_ENTRIES]) if isinstance(keys, list) else ()
    return [entry for entry in entries if entry is not None]


def _entry(key: Any) -> Published | None:  # noqa: ANN401 - whatever JSON holds
    if not isinstance(key, dict):
        return None
    value, slot, name = key.get("apiKey", key.get("value")), key.get("slot"), key.get("id")
    if not isinstance(value, str) or not PLAUSIBLE.fullmatch(value):
        return None
    fits = isinstance(slot, int) and not isinstance(slot, bool) and 0 <= slot < 100
    return Published(SecretStr(value), False, slot if fits else None, name if isinstance(name, str) else None)


def unpaired(ledger: Ledger, found: Evidences) -> tuple[str, ...]:
    """Fingerprints of published values that work and that neither ledger nor listing explains."""
    known = {key.print for key in ledger.keys} | {key.fingerprint for key in found.listing}
    return tuple(
        entry.print for entry in found.published if found.verdicts.get(entry.print) and entry.print not in known
    )


def recovered(o: Observation, found: Evidences, now: datetime) -> Recovered:
    """The ledger with every published key that can be shown to be ours, its revision above every Secret's."""
    ledger, orphans = o.ledger, []
    pairs = _pairs(ledger, found)
    known = {key.print for key in ledger.keys if key.state not in WITHOUT_HANDLE}
    for index, entry in enumerate(found.published):
        if entry.print in known:
            ledger = _published_again(ledger, entry, found)
            continue
        pair = pairs.get(entry.print)
        if pair is not None and _is_ours(o, pair, found.foreign):
            ledger = _adopt(o, ledger, entry, pair, index, now)
            if found.verdicts.get(entry.print) is False:
                ledger = ledger.advance(ledger.keys[-1].name, Evidence.FAILED)
        elif found.verdicts.get(entry.print) and not _is_known(o, ledger, entry):
            orphans.append(entry.print)
    ledger = _dead_keys_leave(ledger, found)
    primary = next(
        (key.name for key in ledger.keys for e in found.published if e.primary and key.print == e.print), None
    )
    revision = max(ledger.revision, found.newest)
    facts = {"revision": revision, "publication": revision + 1, "primary": primary or ledger.primary}
    facts["limits_changed"] = False
    return Recovered(_with_requests(o, ledger.model_copy(update=facts)), tuple(orphans))


def _pairs(ledger: Ledger, found: Evidences) -> dict[str, Listed]:
    """Fingerprint to listed key: as the listing says or, where the value was ours to choose, as our own intent does."""
    named = {key.name: key for key in found.listing if key.name is not None}
    intents = [key for key in ledger.inside(*WITHOUT_HANDLE) if key.print is not None and key.name in named]
    chosen = {key.print: named[key.name] for key in intents if key.print is not None}
    return {**chosen, **{key.fingerprint: key for key in found.listing if key.fingerprint is not None}}


def _is_known(o: Observation, ledger: Ledger, entry: Published) -> bool:
    """Whether it is in the ledger by now, or a value of people's Secret, which is taken from there again."""
    if entry.print in {key.print for key in ledger.keys}:
        return True
    return o.supply is not None and o.supply.entry_of(entry.value) is not None


def _published_again(ledger: Ledger, entry: Published, found: Evidences) -> Ledger:
    """A key that stands in the Secret is no new one and drains from now on alone, whatever an older ledger says."""
    key = next(key for key in ledger.keys if key.print == entry.print)
    if key.state is KeyState.CREATED and found.verdicts.get(entry.print):
        shown = {other.print for other in found.published}
        for old in ledger.of_slot(key.slot, KeyState.ACTIVE, KeyState.WITHDRAWN):
            if old.print not in shown:
                ledger = ledger.advance(old.name, Evidence.SUPERSEDED, unpublished_at=None)
        return ledger.advance(key.name, Evidence.PROVEN)
    if key.state is KeyState.DISABLED:
        return ledger.advance(key.name, Evidence.UNDONE, enabling=True, disabled_at=None, unpublished_at=None)
    if key.state is KeyState.DRAINING:
        return ledger.mark(key.name, unpublished_at=None)
    return ledger


def _is_ours(o: Observation, pair: Listed, foreign: Collection[str]) -> bool:
    """No other pool's; and, where the listing shows its name, that name is one that this pool gives.

    Where it shows none, anybody who knows a value could put it into the Secret and stamp that with a high revision. So
    it is ours only where the account is, or where the ledger is truly gone, which is not in a namespace's hands.
    """
    if pair.handle in foreign or any(key.handle == pair.handle for key in o.ledger.keys):
        return False
    if pair.name is None:
        return o.ledger.revision == 0 or (o.provider is not None and o.provider.exclusive)
    return is_name_of(pair.name, o.ledger.namespace, o.ledger.pool)


def is_name_of(name: str, namespace: str, pool: str) -> bool:
    """Whether a key's name is one that a pool of this name gives, in whatever installation."""
    match = OURS.fullmatch(name)
    return match is not None and upstream_name(namespace, pool, match[1], match[2]) == name


def _adopt(  # noqa: PLR0917 - all that a record is made of
    o: Observation, ledger: Ledger, entry: Published, pair: Listed, index: int, now: datetime
) -> Ledger:
    """Active, last in the ledger; what had its slot and is not published any more drains for it."""
    slot = _slot(ledger, entry)
    facts: dict[str, Any] = {"handle": pair.handle, "value": entry.value, "slot": slot}
    facts["expires_at"] = min(filter(None, (now + o.effective.lifetime, pair.expires_at)))
    intent = ledger.key(pair.name) if pair.name is not None else None
    if intent is not None and intent.state in WITHOUT_HANDLE:
        return _last(ledger.advance(intent.name, Evidence.ADOPTED, **facts), intent.name)
    assert o.provider is not None  # noqa: S101
    name = _name(o, ledger, entry, pair, index)
    share = share_of_interval(Why.SLOT_EMPTY, min(slot, o.spec.size - 1), o.spec.size, name)
    made = {"why": "adopted", "epoch": o.epoch, "share": share, "intended_at": now, "template": o.template}
    identity = {"name": name, "state": KeyState.ACTIVE, "provider": o.provider.uid}
    # what no record tells of may have the limits of an older spec, or less of them: they are set anew where that can be
    limits = limit_facts(NO_LIMITS if o.provider.capabilities.changes_limits else o.effective.limits)
    return ledger.adopt(KeyRecord.model_validate({**identity, **made, **limits, **facts}))


def _last(ledger: Ledger, name: str) -> Ledger:
    moved = sorted(ledger.keys, key=lambda key: key.name == name)
    return ledger.model_copy(update={"keys": tuple(moved)})


def _slot(ledger: Ledger, entry: Published) -> int:
    """The one that keys.json claims, unless an adopted key has it; else the lowest without an adopted key."""
    taken = {key.slot for key in ledger.inside(KeyState.ACTIVE) if key.why == "adopted"}
    if entry.slot is not None and entry.slot not in taken:
        return entry.slot
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def _name(o: Observation, ledger: Ledger, entry: Published, pair: Listed, index: int) -> str:
    """The listing's, else what keys.json says where a pool of this name gives such names, else a fresh one."""
    for name in (pair.name, entry.name):
        if name and ledger.key(name) is None and is_name_of(name, ledger.namespace, ledger.pool):
            return name
    return upstream_name(ledger.namespace, ledger.pool, o.installation, nonce(o.entropy, index))


def _dead_keys_leave(ledger: Ledger, found: Evidences) -> Ledger:
    """What is rejected is withdrawn. What is not published any more drains when its slot has a published key, or when
    it is dead and a published key works: the Secret is not to be overwritten with it."""
    shown = {entry.print for entry in found.published}
    works = any(found.verdicts.get(print_) for print_ in shown)
    for key in ledger.inside(KeyState.ACTIVE):
        if found.verdicts.get(key.print or "") is False:
            ledger = ledger.advance(key.name, Evidence.FAILED, published_at=None)
    for key in ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN):
        if key.print in shown:
            continue
        follower = [other for other in ledger.of_slot(key.slot, KeyState.ACTIVE) if other.print in shown]
        if follower or (key.state is KeyState.WITHDRAWN and works):
            ledger = ledger.advance(key.name, Evidence.SUPERSEDED, unpublished_at=None)
    return ledger


def _with_requests(o: Observation, ledger: Ledger) -> Ledger:
    """Requests that stand on the pool are taken as handled, as the lost ledger most likely had: to be asked again with
    another token. A report of a leak that names a key which is still there is not; one that names none is told: nobody
    knows whether that key was dealt with before the ledger was lost."""
    pool, keys = o.known_pool, ledger.keys
    lists = {"handled_cleared": pool.cleared, "handled_abandon": pool.abandon, "handled_undo": pool.undo}
    lists["handled_revoked"] = pool.revoked
    report = asked.read(pool.compromised or "")
    if not any(report.names(key) for key in keys) and not report.everything:
        lists["handled_compromised"] = pool.compromised
    facts: dict[str, Any] = {
        name: asked.remembered(text, pool.uid, keys) for name, text in lists.items() if text is not None
    }
    if "handled_compromised" in facts:
        facts["unmatched"] = report.unknown(keys)
    if pool.rotate is not None:
        facts["handled_rotate"] = asked.remembered(pool.rotate, pool.uid)
    return ledger.model_copy(update=facts)
