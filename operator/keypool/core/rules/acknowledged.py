"""Rules about keys that people made and are to revoke: what shows that they did."""

from datetime import datetime

from keypool.core import asked
from keypool.core.decision import Decision, Plan
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation
from keypool.core.reasons import Reason
from keypool.core.rotation import Why
from keypool.core.rules.requests import not_found
from keypool.core.rules.static import OUT, rejections


def revoked_keys_are_forgotten(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Proven by the provider, which rejects the value again and again; or acknowledged by keypool.dev/revoked, and then
    rejected once. A word alone counts only where nobody can be asked. Not while the value still stands in people's
    Secret: it would be taken anew."""
    named, ledger = asked.read(o.known_pool.revoked or ""), _with_what_was_acknowledged(o, plan.ledger)
    for key in ledger.inside(KeyState.OWED):
        if key.why != Why.SUPPLIED or (o.supply is not None and o.supply.entry_of(key.value) is not None):
            continue
        if named.spells(key):
            if rejections(o, key) or not _can_be_asked_about(o, key):
                ledger = ledger.advance(key.name, Evidence.ACKNOWLEDGED)
        elif rejections(o, key) >= o.effective.failure_threshold:
            ledger = ledger.advance(key.name, Evidence.REVOKED)
    left = o.known_pool.revoked and any(key.why == Why.SUPPLIED for key in ledger.inside(*OUT))
    problems = not_found("revoked names no key", ledger.not_revoked if left else ())
    return Decision("keys that people have revoked are forgotten", ledger=ledger, problems=problems)


def _can_be_asked_about(o: Observation, key: KeyRecord) -> bool:
    """Not where its provider object is gone, or another one has its name. One that is not known yet, as after a start,
    is asked once it is: until then nobody's word makes a live key forgotten."""
    if o.provider is not None:
        return key.provider == o.provider.uid
    return o.provider_problem is None or o.provider_problem.reason is not Reason.PROVIDER_NOT_FOUND


def claimed_in_vain(o: Observation) -> str | None:
    """What is said of keys that people say they revoked, while nothing but their word shows it."""
    named = asked.read(o.known_pool.revoked or "")
    owed = o.ledger.inside(KeyState.OWED)
    keys = [key for key in owed if key.why == Why.SUPPLIED and named.spells(key) and _can_be_asked_about(o, key)]
    if not keys:
        return None
    accepted = [key for key in keys if (check := o.checks.get(key.name)) is not None and check.accepted]
    prints = ", ".join(key.print or "" for key in accepted or keys)
    said = "the provider still accepts" if accepted else "the provider was not heard yet about"
    return (
        f"keypool.dev/revoked names {prints}, and {said} it: it counts as live. Where the provider cannot tell, give "
        f"it up with keypool.dev/abandon={(accepted or keys)[0].name}"
    )


def _with_what_was_acknowledged(o: Observation, ledger: Ledger) -> Ledger:
    """Which entries are no keys is known only when the annotation is seen first: what it names is then forgotten."""
    request = o.known_pool.revoked
    if not request or asked.is_handled(request, ledger.handled_revoked, ledger.pool_uid):
        return ledger
    handled = asked.remembered(request, ledger.pool_uid, ledger.keys)
    unknown = asked.read(request).unknown(ledger.keys)
    return ledger.model_copy(update={"handled_revoked": handled, "not_revoked": unknown})
