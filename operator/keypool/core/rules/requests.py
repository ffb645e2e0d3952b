"""Rules about what people ask for by annotation. A request is recorded as handled when it is marked on its keys."""

from datetime import datetime

from keypool.core import asked
from keypool.core.decision import Decision, Plan
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rotation import Why, is_compromised
from keypool.core.spending import departed

_SERVING = (KeyState.CREATED, KeyState.ACTIVE, KeyState.WITHDRAWN)
_OUT = (KeyState.REVOKING, KeyState.OWED, KeyState.UNRESOLVED, KeyState.HELD)
_LIVING = (KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING)
REMOVE = (
    "What stands there may be a key: remove it from the annotation, and from wherever the manifest is kept, since the "
    "object's history holds it"
)


def requested_rotation_is_marked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A new keypool.dev/rotate token asks for a new key in every slot, and lifts the stop after rejected new keys."""
    token = o.known_pool.rotate
    if not token or is_handled(o, token, plan.ledger.handled_rotate) or o.spec.suspend:
        return Decision("no new rotation is requested")
    handled = asked.remembered(token, o.known_pool.uid)
    ledger = plan.ledger.model_copy(update={"handled_rotate": handled, "rejected_in_a_row": 0})
    for key in ledger.inside(*_SERVING):
        if key.asked is None:
            ledger = ledger.mark(key.name, asked=Why.REQUESTED.value)
    return Decision("a rotation is requested by annotation", ledger=ledger)


def is_handled(o: Observation, request: str, handled: str | None) -> bool:
    """Whether a request was carried out."""
    return asked.is_handled(request, handled, o.ledger.pool_uid)


def compromised_keys_are_marked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/compromised names keys (name, fingerprint or value, by comma) or all@TOKEN. Keys in every state: one
    whose revocation hangs is as leaked as one that serves. A suspended pool takes what ends in !now@TOKEN alone."""
    request = o.known_pool.compromised
    if not request or is_handled(o, request, plan.ledger.handled_compromised):
        return Decision("no key is newly reported compromised", problems=_unmatched(plan.ledger) if request else ())
    report = asked.read(request)
    if o.spec.suspend and not report.at_once:
        text = (
            "keys reported compromised are replaced and revoked only when spec.suspend is false; what ends in "
            "!now@TOKEN is revoked without a successor"
        )
        return Decision(text, problems=(Problem(Reason.COMPROMISE_WAITS, text),))
    keys = tuple(key for key in plan.ledger.keys if key.state is not KeyState.INTENDED)
    facts = {
        "handled_compromised": asked.remembered(request, o.known_pool.uid, keys),
        "unmatched": report.unknown(keys),
    }
    ledger = plan.ledger.model_copy(update=facts)
    for key in keys:
        if report.names(key):
            ledger = _reported(ledger, key, now, at_once=report.names_at_once(key))
    return Decision("keys are reported compromised by annotation", ledger=ledger, problems=_unmatched(ledger))


def _reported(ledger: Ledger, key: KeyRecord, now: datetime, *, at_once: bool) -> Ledger:
    since = key.reported_at if is_compromised(key) else now
    return ledger.mark(
        key.name, asked=Why.COMPROMISED.value, reported_at=since or now, at_once=at_once or key.at_once, enabling=False
    )


def compromised_keys_without_successor_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A pool that its tenancy refuses gets no new key: a leaked one is not kept for want of another. Nor is one that
    was reported with !now@TOKEN, whatever stands in the way of another one. Withdrawn consent may come back."""
    why = o.refused
    refused = why is not None and why.stalls and why.reason is not Reason.CONSENT_MISSING and not o.spec.suspend
    living = plan.ledger.inside(*_LIVING, KeyState.DISABLED)
    leaked = [key for key in living if is_compromised(key) and (refused or key.at_once)]
    if not leaked:
        return Decision("every compromised key waits for its successor")
    ledger = plan.ledger
    for key in leaked:
        quiet = key.state is KeyState.DISABLED
        ledger = ledger.advance(key.name, Evidence.QUIET if quiet else Evidence.UNREPLACED)
    return Decision("compromised keys are revoked without a successor", ledger=ledger)


def _unmatched(ledger: Ledger) -> tuple[Problem, ...]:
    """A leaked key that nobody replaces because of a typing error must not go unnoticed."""
    return not_found("compromised names no key", ledger.unmatched, Reason.COMPROMISED_UNKNOWN)


def lost_keys_are_cleared(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/clear-lost names held keys (by comma) or all@<token>: a person looked, and they do not exist."""
    request = o.known_pool.cleared
    if not request or is_handled(o, request, plan.ledger.handled_cleared):
        problems = _not_cleared(plan.ledger) if request else ()
        return Decision("no lost key is cleared", problems=problems)
    named, held = asked.read(request), plan.ledger.inside(KeyState.HELD)
    handled = asked.remembered(request, o.known_pool.uid, plan.ledger.keys)
    ledger = plan.ledger.model_copy(update={"handled_cleared": handled, "not_cleared": named.unknown(held)})
    for key in held:
        if named.names(key):
            ledger = ledger.advance(key.name, Evidence.CLEARED)
    return Decision("lost keys are cleared by annotation", ledger=ledger, problems=_not_cleared(ledger))


def _not_cleared(ledger: Ledger) -> tuple[Problem, ...]:
    left = ledger.inside(KeyState.HELD)
    return not_found("clear-lost names no held key", ledger.not_cleared if left else ())


def owed_keys_are_abandoned(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/abandon names keys (by comma) or all@<token> whose revocation cannot be had: a person gives them up.

    Only keys that are being revoked, owed, or lost with their answer: what still serves is never given up.
    """
    request = o.abandon
    if not request or is_handled(o, request, plan.ledger.handled_abandon):
        problems = _not_abandoned(plan.ledger) if request else ()
        return Decision("no key is given up", problems=problems)
    named, given_up = asked.read(request), plan.ledger.inside(*_OUT)
    handled = asked.remembered(request, o.ledger.pool_uid, plan.ledger.keys)
    ledger = plan.ledger.model_copy(update={"handled_abandon": handled, "not_abandoned": named.unknown(given_up)})
    for key in given_up:
        if named.names(key):
            ledger = departed(ledger, key, o.usage).advance(key.name, Evidence.ABANDONED)
    return Decision("keys are given up by annotation", ledger=ledger, problems=_not_abandoned(ledger))


def _not_abandoned(ledger: Ledger) -> tuple[Problem, ...]:
    """What is merely being revoked is none that it could be meant for any more."""
    left = ledger.inside(KeyState.OWED, KeyState.UNRESOLVED, KeyState.HELD)
    return not_found("abandon names no key to be revoked", ledger.not_abandoned if left else ())


def not_found(what: str, entries: tuple[str, ...], reason: Reason = Reason.REQUEST_UNKNOWN) -> tuple[Problem, ...]:
    """Whoever asks for something by annotation takes it for done: told while a key is left that may have been meant.
    Who is late names a key that is gone by itself. `what`: which annotation, and what it does not do."""
    text = f"keypool.dev/{what} of this pool in: {'; '.join(entries)}. {REMOVE}"
    return (Problem(reason, text),) if entries else ()


def disabled_keys_are_wanted_back(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/undo-revoke names disabled keys (by comma) or all, and a token: NAMES@TOKEN. They drain anew."""
    request = o.known_pool.undo
    if request and (problem := _nothing_is_disabled(o, plan.ledger)) is not None:
        return Decision("the provider disables no key", problems=(problem,))
    if not request or is_handled(o, request, plan.ledger.handled_undo):
        return Decision("no disabled key is wanted back", problems=_not_undone(plan.ledger) if request else ())
    named, disabled = asked.read(request), plan.ledger.inside(KeyState.DISABLED)
    facts = {
        "handled_undo": asked.remembered(request, o.known_pool.uid, plan.ledger.keys),
        "not_undone": named.unknown(disabled),
    }
    ledger = plan.ledger.model_copy(update=facts)
    for key in disabled:
        if not is_compromised(key) and named.names(key):
            ledger = ledger.advance(key.name, Evidence.UNDONE, enabling=True, disabled_at=None)
    return Decision("disabled keys are wanted back by annotation", ledger=ledger, problems=_not_undone(ledger))


def _nothing_is_disabled(o: Observation, ledger: Ledger) -> Problem | None:
    """Whoever asks for a key that is gone for good has to hear that, and not wait."""
    if o.provider is None or o.provider.capabilities.disables_keys or ledger.inside(KeyState.DISABLED):
        return None
    text = (
        f"keypool.dev/undo-revoke brings nothing back: provider {o.provider.name} cannot disable keys, so they are "
        f"deleted at once when they are revoked. {REMOVE}"
    )
    return Problem(Reason.UNDO_UNKNOWN, text)


def _not_undone(ledger: Ledger) -> tuple[Problem, ...]:
    """A key that is deleted soon because of a typing error must not go unnoticed."""
    return not_found("undo-revoke names no disabled key", ledger.not_undone, Reason.UNDO_UNKNOWN)
