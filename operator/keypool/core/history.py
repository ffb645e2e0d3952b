"""What happened to keys, told from the ledger's own steps: the source of the audit log and of Events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from keypool.core.ledger import KeyRecord, Step
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.reasons import Reason
from keypool.core.rotation import Why, is_compromised


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key event. `what` is the new state, or how it ended; `why` the evidence; `made_for` why the key was made."""

    name: str
    slot: int
    what: str
    why: str
    made_for: str
    fingerprint: str | None
    provider: str


_ENDED = {
    Evidence.REVOKED: "revoked",
    Evidence.HOLD_ENDED: "outlived",
    Evidence.CLEARED: "cleared",
    Evidence.GONE_UPSTREAM: "gone",
    Evidence.ABANDONED: "abandoned",
    Evidence.REMOVED: "removed",
    Evidence.ACKNOWLEDGED: "acknowledged",
    Evidence.LEFT: "left",
}


def changes(steps: Iterable[Step]) -> tuple[KeyChange, ...]:
    """What the audit log tells, a line for each step."""
    return tuple(_change(step) for step in steps)


def _change(step: Step) -> KeyChange:
    key = step.key
    what = step.after.value if step.after is not None else _ENDED.get(step.evidence, "not created")
    made_for = key.asked or key.why
    return KeyChange(key.name, key.slot, what, step.evidence.value, made_for, key.print, key.provider)


ALARMING = frozenset({Why.REJECTED, Why.COMPROMISED})
"""A key made for these reasons is told as news; all others replace a key that still worked."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """An Event that people should see. `kind`: Normal or Warning."""

    kind: str
    reason: Reason
    note: str


def announcements(steps: Iterable[Step], appeared: Iterable[KeyRecord] = ()) -> tuple[Announcement, ...]:
    """One Event for each kind of news, however many keys it is about; the rest is for the audit log alone, ordinary
    rotations among it: each would cost two Events, and status tells what serves since when. That keys are published is
    told of those that `appeared` in the Secrets, not when it was decided."""
    told: dict[tuple[str, Reason, str], list[str]] = {}
    found = [(_news(step), step.key) for step in steps] + [(_appearance(key), key) for key in appeared]
    for news, key in found:
        if news is not None:
            told.setdefault(news, []).append(_named(key))
    return tuple(Announcement(*news[:2], f"{news[2]}: {', '.join(keys)}") for news, keys in told.items())


def _named(key: KeyRecord) -> str:
    return f"{key.print or key.name} in slot {key.slot}"


def _appearance(key: KeyRecord) -> tuple[str, Reason, str] | None:
    if key.why in (Why.SLOT_EMPTY, Why.SUPPLIED):
        return "Normal", Reason.KEY_CREATED, "new keys are published"
    if key.why in ALARMING:
        return "Normal", Reason.KEY_ROTATED, f"new keys are published ({key.why})"
    return None


def _news(step: Step) -> tuple[str, Reason, str] | None:
    if step.evidence is Evidence.REVOKED:
        was_told = step.before is KeyState.OWED or is_compromised(step.key)
        return ("Normal", Reason.KEY_REVOKED, "keys are revoked") if was_told else None
    if step.after is KeyState.OWED:
        by_people = step.key.why == Why.SUPPLIED
        return _REVOKE_YOURSELF if by_people else ("Warning", Reason.KEYS_OWED, "keys could not be revoked yet")
    return _NEWS.get(step.evidence)


_REVOKE_YOURSELF = (
    "Warning",
    Reason.MANUAL_REVOCATION,
    "keys are not published any more: revoke them at the provider",
)
_NEWS = {
    Evidence.FAILED: ("Warning", Reason.KEY_WITHDRAWN, "keys expired, or are rejected by the provider"),
    Evidence.ABANDONED: ("Warning", Reason.KEYS_ABANDONED, "keys are given up by annotation and may live on"),
    Evidence.LEFT: (
        "Warning",
        Reason.MANUAL_REVOCATION,
        "the pool is gone and its keys live on: revoke them at the provider, unless they are needed elsewhere",
    ),
    Evidence.UNFINDABLE: ("Warning", Reason.ANSWER_LOST, "the answers to create calls are lost"),
}
