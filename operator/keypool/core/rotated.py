"""What a rotation replaced, recorded once the Secret was seen with the new key, in the ledger write that records this
anyway. Purely computational."""

from datetime import datetime

from keypool.core.ledger import KeyRecord, Ledger, Rotation, Shown
from keypool.core.observation import Observation
from keypool.core.rotation import Why, is_compromised


def with_rotations(o: Observation, ledger: Ledger, now: datetime) -> Ledger:
    """New keys that the Secret is seen with: none is new any more; the last one that replaced another is kept, the
    primary before others."""
    shown: list[Shown] = []
    for key in ledger.keys:
        if key.replaces is not None and key.published_at is not None:
            shown.append(Shown(key, _rotation(o, ledger, key, now)))
            ledger = ledger.mark(key.name, replaces=None)
    if not shown:
        return ledger
    shown.sort(key=lambda each: (each.key.name == ledger.primary, each.key.slot))
    rotations = [each.rotation for each in shown if each.rotation is not None]
    last = rotations[-1] if rotations else ledger.last_rotation
    return ledger.model_copy(update={"last_rotation": last, "shown": (*ledger.shown, *shown)})


def _rotation(o: Observation, ledger: Ledger, key: KeyRecord, now: datetime) -> Rotation | None:
    if not key.replaces:
        return None
    old = ledger.key(key.replaces)
    why = Why.COMPROMISED.value if old is not None and is_compromised(old) else key.why
    at_once = why in (Why.COMPROMISED, Why.REJECTED) or old is None or old.why == Why.SUPPLIED
    until = (
        None if at_once or old is None else min((old.unpublished_at or now) + o.effective.overlap_min, old.expires_at)
    )
    return Rotation(
        at=now, slot=key.slot, why=why, new=key.print or "", old=old.print if old is not None else None, until=until
    )


def with_end(ledger: Ledger, key: KeyRecord, end: datetime) -> Ledger:
    """The overlap may have been changed since: what is kept of the last rotation is when it really ended."""
    last, end = ledger.last_rotation, min(end, key.expires_at)
    if last is None or last.old != key.print or last.until in (None, end):
        return ledger
    return ledger.model_copy(update={"last_rotation": last.model_copy(update={"until": end})})
