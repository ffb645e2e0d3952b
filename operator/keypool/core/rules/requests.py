"""Rules about what people ask for by annotation. A request is recorded as handled when it is marked on its keys."""

from datetime import datetime

from keypool.core.decision import Decision, Plan
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rotation import Why, is_compromised
from keypool.core.spending import departed

_SERVING = (KeyState.CREATED, KeyState.ACTIVE, KeyState.WITHDRAWN)


def requested_rotation_is_marked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A new keypool.dev/rotate token asks for a new key in every slot, and lifts the stop after rejected new keys."""
    token = o.known_pool.rotate
    if not token or token == plan.ledger.handled_rotate or o.spec.suspend:
        return Decision("no new rotation is requested")
    ledger = plan.ledger.model_copy(update={"handled_rotate": token, "rejected_in_a_row": 0})
    for key in ledger.inside(*_SERVING):
        if key.asked is None:
            ledger = ledger.mark(key.name, asked=Why.REQUESTED.value)
    return Decision("a rotation is requested by annotation", ledger=ledger)


def compromised_keys_are_marked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/compromised names keys (id or fingerprint, by comma) or all@<token>."""
    request = o.known_pool.compromised
    if not request or request == plan.ledger.handled_compromised:
        return Decision("no key is newly reported compromised", problems=_unmatched(plan.ledger) if request else ())
    if o.spec.suspend:
        text = "keys reported compromised are replaced and revoked only when spec.suspend is false"
        return Decision(text, problems=(Problem(Reason.COMPROMISE_WAITS, text),))
    named = {part.strip() for part in request.split(",")}
    keys = plan.ledger.inside(*_SERVING, KeyState.DRAINING, KeyState.DISABLED)
    known = {part for part in named if part.startswith("all@")} | {key.name for key in keys} | {k.print for k in keys}
    unmatched = tuple(sorted(part[:100] for part in named - known))[:5]
    ledger = plan.ledger.model_copy(update={"handled_compromised": request, "unmatched": unmatched})
    for key in keys:
        if _is_named(key, named):
            ledger = ledger.mark(key.name, asked=Why.COMPROMISED.value)
    return Decision("keys are reported compromised by annotation", ledger=ledger, problems=_unmatched(ledger))


def compromised_keys_without_successor_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A refused pool gets no new key: a leaked one is not kept for want of another."""
    if o.refused is None or not o.refused.stalls or o.spec.suspend:
        return Decision("the pool may get successors, or may soon, or is suspended")
    ledger = plan.ledger
    for key in ledger.inside(KeyState.ACTIVE, KeyState.WITHDRAWN, KeyState.DRAINING):
        if is_compromised(key):
            ledger = ledger.advance(key.name, Evidence.UNREPLACED)
    return Decision(f"compromised keys of a refused pool are revoked: {o.refused.reason}", ledger=ledger)


def _unmatched(ledger: Ledger) -> tuple[Problem, ...]:
    """A leaked key that nobody replaces because of a typing error must not go unnoticed."""
    if not ledger.unmatched:
        return ()
    text = f"keypool.dev/compromised names no key of this pool: {', '.join(ledger.unmatched)}"
    return (Problem(Reason.COMPROMISED_UNKNOWN, text),)


def lost_keys_are_cleared(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/clear-lost names held keys (by comma) or all@<token>: a person looked, and they do not exist."""
    request = o.known_pool.cleared
    if not request or request == plan.ledger.handled_cleared:
        return Decision("no lost key is cleared")
    named = {part.strip() for part in request.split(",")}
    ledger = plan.ledger.model_copy(update={"handled_cleared": request})
    for key in ledger.inside(KeyState.HELD):
        if _is_named(key, named):
            ledger = ledger.advance(key.name, Evidence.CLEARED)
    return Decision("lost keys are cleared by annotation", ledger=ledger)


def owed_keys_are_abandoned(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/abandon names keys (by comma) or all@<token> whose revocation cannot be had: a person gives them up.

    Only keys that are being revoked, owed, or lost with their answer: what still serves is never given up.
    """
    request = o.abandon
    if not request or request == plan.ledger.handled_abandon:
        return Decision("no key is given up")
    named = {part.strip() for part in request.split(",")}
    ledger = plan.ledger.model_copy(update={"handled_abandon": request})
    for key in ledger.inside(KeyState.REVOKING, KeyState.OWED, KeyState.UNRESOLVED, KeyState.HELD):
        if _is_named(key, named):
            ledger = departed(ledger, key, o.usage).advance(key.name, Evidence.ABANDONED)
    return Decision("keys are given up by annotation", ledger=ledger)


def disabled_keys_are_wanted_back(o: Observation, plan: Plan, now: datetime) -> Decision:
    """keypool.dev/undo-revoke names disabled keys (by comma) or all, and a token: NAMES@TOKEN. They drain anew."""
    request = o.known_pool.undo
    if not request or request == plan.ledger.handled_undo:
        return Decision("no disabled key is wanted back", problems=_not_undone(plan.ledger) if request else ())
    named = {part.strip() for part in request.partition("@")[0].split(",")}
    disabled = plan.ledger.inside(KeyState.DISABLED)
    known = {"all"} | {key.name for key in disabled} | {key.print for key in disabled}
    unknown = tuple(sorted(part[:100] for part in named - known))[:5]
    ledger = plan.ledger.model_copy(update={"handled_undo": request, "not_undone": unknown})
    for key in disabled:
        if not is_compromised(key) and (key.name in named or key.print in named or "all" in named):
            ledger = ledger.advance(key.name, Evidence.UNDONE, enabling=True, disabled_at=None)
    return Decision("disabled keys are wanted back by annotation", ledger=ledger, problems=_not_undone(ledger))


def _not_undone(ledger: Ledger) -> tuple[Problem, ...]:
    """A key that is deleted soon because of a typing error must not go unnoticed."""
    if not ledger.not_undone:
        return ()
    text = f"keypool.dev/undo-revoke names no disabled key of this pool: {', '.join(ledger.not_undone)}"
    return (Problem(Reason.UNDO_UNKNOWN, text),)


def _is_named(key: KeyRecord, named: set[str]) -> bool:
    return key.name in named or key.print in named or any(part.startswith("all@") for part in named)
