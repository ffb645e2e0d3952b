"""What happened to keys, told from the ledger's own steps: the source of the audit log and of Events. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from keypool.core.ledger import KeyRecord, Rotation, Shown, Step
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


@dataclass(frozen=True, slots=True)
class Announcement:
    """An Event that people should see. `kind`: Normal or Warning."""

    kind: str
    reason: Reason
    note: str


def announcements(steps: Iterable[Step]) -> tuple[Announcement, ...]:
    """One Event for each kind of news, however many keys it is about; the rest is for the audit log alone. What is
    published is told by `publications`, once it is."""
    told: dict[tuple[str, Reason, str], list[str]] = {}
    for step in steps:
        if (news := _news(step)) is not None:
            told.setdefault(news, []).append(_named(step.key))
    return tuple(Announcement(*news[:2], f"{news[2]}: {', '.join(keys)}") for news, keys in told.items())


def publications(shown: Iterable[Shown]) -> tuple[Announcement, ...]:
    """Of keys that the Secret was seen with: one Event for all that are its first ones, and one for all rotations."""
    keys = tuple(shown)
    first = [_named(each.key) for each in keys if each.rotation is None]
    rotations = [each.rotation for each in keys if each.rotation is not None]
    turned = [_in_words(rotation) for rotation in rotations]
    told: list[Announcement] = []
    if first:
        told.append(Announcement("Normal", Reason.KEY_CREATED, f"new keys are published: {', '.join(first)}"))
    if turned:
        more = [f"and {len(turned) - MOST_TOLD} more"] if len(turned) > MOST_TOLD else []
        restart = RESTART + (" by then" if any(rotation.until for rotation in rotations) else "")
        told.append(Announcement("Normal", Reason.KEY_ROTATED, "; ".join((*turned[:MOST_TOLD], *more, restart))))
    return tuple(told)


MOST_TOLD = 6
"""Rotations that one Event tells of; it may have 1024 characters."""
RESTART = "pods that take the key from the environment or a subPath need a restart"


def _in_words(rotation: Rotation) -> str:
    """Which key replaces which, and how long the old one goes on working."""
    if rotation.why == Why.COMPROMISED:
        end = "is revoked as soon as the provider can be reached"
    elif rotation.why == Why.REJECTED:
        end = "the provider rejects"
    elif rotation.until is None:
        end = "works until it is revoked at the provider"
    else:
        end = f"works until {rotation.until:%Y-%m-%dT%H:%M:%SZ}"
    what = f"replaces {rotation.old}, which {end}" if rotation.old else "is published there"
    return f"rotated slot {rotation.slot} ({rotation.why}): {rotation.new} {what}"


def _named(key: KeyRecord) -> str:
    return f"{key.print or key.name} in slot {key.slot}"


def _news(step: Step) -> tuple[str, Reason, str] | None:
    if step.evidence is Evidence.REVOKED:
        was_told = step.before is KeyState.OWED or is_compromised(step.key)
        return ("Normal", Reason.KEY_REVOKED, "keys are revoked") if was_told else None
    if step.after is KeyState.OWED and step.before is not KeyState.OWED:
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
    Evidence.REPORTED: (
        "Warning",
        Reason.KEY_REPORTED,
        "keys are rejected in requests of a pod, and by the provider when asked",
    ),
    Evidence.ABANDONED: ("Warning", Reason.KEYS_ABANDONED, "keys are given up by annotation and may live on"),
    Evidence.LEFT: (
        "Warning",
        Reason.MANUAL_REVOCATION,
        "the pool goes, and its keys live on: revoke them at the provider, unless they are needed elsewhere",
    ),
    Evidence.UNFINDABLE: ("Warning", Reason.ANSWER_LOST, "the answers to create calls are lost"),
}
