"""Rules for keys that people make, at a provider without a key API: their values come and go with a Secret that people
fill. Nothing is created or revoked upstream; people are asked to. Values beyond `size` are spares."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from keypool.core import asked
from keypool.core.actions import AddFinalizer, ProbeKey
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.grace import of_pool, patient
from keypool.core.holders import SOONEST, is_hurried, next_probe, witnesses
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.naming import jitter, nonce, upstream_name
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.refusals import unsupported
from keypool.core.rotation import Why, is_compromised, rotation_due
from keypool.core.rules.publication import IN_A_SLOT, publication_blocked, take_slot
from keypool.core.supply import entry_named
from keypool.core.wording import quoted

LOOK_AGAIN = timedelta(seconds=60)
"""People's Secret does not carry our label, so it is not watched."""
FOREVER = timedelta(days=36525)
"""A key that people made does not expire as far as anybody knows."""
MOST_KEYS = 200
"""In one ledger, which has to fit into a Secret: who never revokes old keys gets no new ones."""
OUT = (KeyState.DRAINING, KeyState.OWED)
LEAVES = (KeyState.CREATED, KeyState.ACTIVE, KeyState.WITHDRAWN, *OUT)


def keys_come_from_people(o: Observation) -> bool:
    """As the provider says; while there is none, as the ledger does."""
    if o.provider is not None:
        return not o.provider.capabilities.creates_keys
    return any(key.why == Why.SUPPLIED for key in o.ledger.keys)


def the_source_is_told(o: Observation, plan: Plan, now: datetime) -> Decision:
    """What is wrong with the Secret that people fill. It is looked at again in any case."""
    source, end = _source_problem(o), of_pool(o, now)
    source = patient(source, end) if source is not None else None
    problems = [problem for problem in (_spec_problem(o), source) if problem is not None]
    return Decision(
        f"{len(problems)} problems with the values", problems=tuple(problems), wake_at=earliest(now + LOOK_AGAIN, end)
    )


def _spec_problem(o: Observation) -> Problem | None:
    return unsupported(o.spec, o.provider.kind, o.provider.capabilities) if o.provider is not None else None


def _source_problem(o: Observation) -> Problem | None:
    if o.supply is None:
        return None
    if o.supply.refused:
        text = f"Secret {quoted(o.supply.secret, 'that spec.keysFrom names')}: {'; '.join(o.supply.refused)}"
        return Problem(Reason.VALUE_UNUSABLE, text)
    if not o.supply.missing:
        return None
    return Problem(o.supply.reason, o.supply.missing, not_there_yet=not o.supply.withheld)


def rejections(o: Observation, key: KeyRecord) -> int:
    """How often in a row the provider rejected it."""
    check = o.checks.get(key.name)
    return check.rejections if check is not None else 0


def values_are_taken(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A value that is new, or that came back, is to be proven; one that is known follows its entry and the provider."""
    if o.supply is None or o.provider is None or o.spec.suspend or _spec_problem(o) is not None:
        return Decision("there are no values, or none is to be taken")
    ledger = plan.ledger
    for entry in o.supply.values:
        ledger = _taken(o, ledger, entry, now)
    return Decision(f"values in people's Secret: {len(o.supply.values)}", ledger=ledger)


def _taken(o: Observation, ledger: Ledger, entry: str, now: datetime) -> Ledger:
    assert o.supply is not None  # noqa: S101
    assert o.provider is not None  # noqa: S101
    value = o.supply.values[entry]
    known = next((key for key in ledger.keys if key.value == value), None)
    if known is None:
        full = len(ledger.keys) >= MOST_KEYS
        return ledger if full else ledger.adopt(_record(o, ledger, entry, now), Evidence.SUPPLIED)
    if (known.label, known.provider, known.template) != (entry, o.provider.uid, o.template):
        ledger = ledger.mark(known.name, label=entry, provider=o.provider.uid, template=o.template)
    if known.state not in OUT or is_compromised(known):
        return ledger
    anew = {"slot": _free_slot(ledger), "asked": None, "published_at": None, "unpublished_at": None}
    return ledger.advance(known.name, Evidence.SUPPLIED, **anew)


def _record(o: Observation, ledger: Ledger, entry: str, now: datetime) -> KeyRecord:
    """The name follows from the value: whoever takes it again gives it the same one. What was reported compromised
    stays so, although it was forgotten since."""
    assert o.supply is not None  # noqa: S101
    assert o.provider is not None  # noqa: S101
    pool, value = o.known_pool, o.supply.values[entry]
    report = asked.read(pool.compromised or "")
    name = upstream_name(pool.namespace, pool.name, o.installation, nonce(f"{pool.uid}/{value.get_secret_value()}", 0))
    record = KeyRecord(
        name=name,
        slot=_free_slot(ledger),
        state=KeyState.CREATED,
        provider=o.provider.uid,
        template=o.template,
        why=Why.SUPPLIED.value,
        epoch=o.epoch,
        share=1.0,
        intended_at=now,
        created_at=now,
        expires_at=now + FOREVER,
        value=value,
        label=entry,
    )
    leaked = report.spells(record)
    return record.model_copy(update={"asked": Why.COMPROMISED.value, "reported_at": now}) if leaked else record


def _free_slot(ledger: Ledger) -> int:
    taken = {key.slot for key in ledger.inside(KeyState.CREATED, *IN_A_SLOT)}
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def removed_values_leave(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A published one only while another key is live: people are never left without a key by what they removed."""
    if o.spec.suspend:
        return Decision("suspended")
    ledger = plan.ledger
    for key in ledger.inside(KeyState.CREATED, *IN_A_SLOT):
        if not is_leaving(o, key):
            continue
        if key.state is KeyState.CREATED:
            revoked = is_compromised(key) or key.why != Why.SUPPLIED
            ledger = ledger.advance(key.name, Evidence.UNWANTED if revoked else Evidence.REMOVED)
        elif any(_is_live(o, other) for other in ledger.inside(KeyState.ACTIVE)):
            ledger = ledger.advance(key.name, Evidence.REMOVED)
    return Decision("values that people removed, or report compromised, leave", ledger=ledger)


def is_leaving(o: Observation, key: KeyRecord) -> bool:
    """Whether people removed its value or report it compromised, or an earlier provider of that name made it. A Secret
    that is missing removes nothing."""
    if key.why != Why.SUPPLIED:
        return o.provider is not None
    removed = o.supply is not None and not o.supply.missing and o.supply.entry_of(key.value) is None
    return removed or is_compromised(key)


def _is_live(o: Observation, key: KeyRecord) -> bool:
    return not is_leaving(o, key) and not rejections(o, key)


def good_values_take_slots(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Make before break: what was in the slot drains from the moment at which another value is published there."""
    if (problem := publication_blocked(o)) is not None:
        return Decision(problem.message)
    ledger = plan.ledger
    for slot in range(o.spec.size):
        if any(not is_leaving(o, key) for key in ledger.of_slot(slot, KeyState.ACTIVE)):
            continue
        good = [key for key in ledger.inside(KeyState.CREATED) if _is_good(o, key)]
        if good:
            ledger = take_slot(ledger, min(good, key=lambda key: (key.slot != slot, key.slot)), slot)
    return Decision("good values are published", ledger=ledger)


def _is_good(o: Observation, key: KeyRecord) -> bool:
    check = o.checks.get(key.name)
    return check is not None and check.accepted and not is_leaving(o, key)


def keys_of_people_are_owed(o: Observation, plan: Plan, now: datetime) -> Decision:
    """There is no call that revokes them: people are asked."""
    ledger = plan.ledger
    for key in ledger.inside(KeyState.REVOKING):
        if key.why == Why.SUPPLIED:
            ledger = ledger.advance(key.name, Evidence.REVOKE_REFUSED)
    return Decision("keys that people made are theirs to revoke", ledger=ledger)


def keys_of_people_are_left(o: Observation, plan: Plan, now: datetime) -> Decision:
    """The pool goes and never waits for people: an Event tells them."""
    ledger = plan.ledger
    for key in ledger.inside(*LEAVES):
        if key.why == Why.SUPPLIED:
            ledger = ledger.advance(key.name, Evidence.LEFT)
    return Decision("keys that people made are left to them", ledger=ledger)


def values_are_probed(o: Observation, plan: Plan, now: datetime) -> Decision:
    """All that is known, at their interval: new ones at once, published ones sooner once they were rejected, and those
    that are to be revoked because a rejection proves it."""
    if o.provider is None or o.provider_problem is not None:
        return Decision("no provider to ask")
    named = asked.read(o.known_pool.revoked or "")
    ours, wanted = [key for key in plan.ledger.keys if key.provider == o.provider.uid], witnesses(o)
    dates = {key.name: _probe_date(o, key, named, wanted) for key in ours}
    ripe = tuple(ProbeKey(name) for name, date in dates.items() if date <= now)
    later = earliest(*(date for date in dates.values() if date > now))
    return Decision(f"{len(ripe)} keys are to be probed", actions=ripe, wake_at=later)


def _probe_date(o: Observation, key: KeyRecord, named: asked.Asked, wanted: Mapping[str, datetime]) -> datetime:
    """What people say they revoked is asked about soon: the last answer may be older than their word. `wanted`: the
    witnesses."""
    check, every, waiting = o.checks.get(key.name), o.effective.probe_every, o.wait_until.get(f"probe:{key.name}")
    if check is None:
        date = o.started_at + (timedelta(0) if key.state is KeyState.CREATED else jitter(key.name) * every)
    else:
        claimed = key.state is KeyState.OWED and named.spells(key)
        often = check.rejections >= o.effective.failure_threshold and not is_hurried(o, check)
        sure = often or (check.accepted and not claimed)
        date = check.at + (every if sure else max(SOONEST, every / 10))
    date = next_probe(o, key, date, wanted)
    return max(date, waiting) if waiting is not None else date


def the_finalizer_comes_with_the_keys(o: Observation, plan: Plan, now: datetime) -> Decision:
    """So that the pool's end is seen, Retain is honoured, and people are told which keys live on."""
    if o.known_pool.has_finalizer or o.ledger.keys or not plan.ledger.keys:
        return Decision("the finalizer is there, not needed, or put back already")
    return Decision("the pool has its first keys", actions=(AddFinalizer(),))


def what_people_should_do_is_told(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Values that are rejected, and slots without a good one. Also when a published key gets old."""
    dues = [rotation_due(key, o.effective, o.template).at for key in plan.ledger.inside(KeyState.ACTIVE)]
    if o.provider is None or o.supply is None or _spec_problem(o) is not None:
        return Decision("nothing can be said about the values")
    found = (_rejected(o, plan.ledger), _missing(o, plan.ledger), _notice(o.provider.notice))
    problems = tuple(patient(problem, of_pool(o, now)) for problem in found if problem is not None)
    return Decision(
        f"{len(problems)} things are asked of people",
        problems=problems,
        wake_at=earliest(*(due for due in dues if due > now)),
    )


def _rejected(o: Observation, ledger: Ledger) -> Problem | None:
    held = ledger.inside(KeyState.CREATED, *IN_A_SLOT)
    bad = [f"{entry_named(key.label)} ({key.print})" for key in held if rejections(o, key) and not is_leaving(o, key)]
    text = f"the provider rejects {', '.join(bad[:5])}: replace or remove it"
    return Problem(Reason.VALUE_REJECTED, text) if bad else None


def _missing(o: Observation, ledger: Ledger) -> Problem | None:
    if any(key.name not in o.checks and not is_leaving(o, key) for key in ledger.inside(KeyState.CREATED)):
        return None  # what the provider has not judged yet may be good
    good = [key for key in ledger.inside(KeyState.ACTIVE) if not is_leaving(o, key)]
    kept = [key for key in ledger.inside(KeyState.ACTIVE) if is_leaving(o, key)]
    if len(good) >= o.spec.size:
        return None
    text = f"good values: {len(good)}, wanted: {o.spec.size}; add values to the Secret that spec.keysFrom names"
    text += f". {kept[0].print} is to leave and stays published until another key works" if kept else ""
    return Problem(Reason.VALUES_MISSING, text, not_there_yet=True)


def ageing(o: Observation, now: datetime) -> KeyRecord | None:
    """The first published key that people made and are asked to replace, None when there is none."""
    keys = [key for key in o.ledger.inside(KeyState.ACTIVE) if key.why == Why.SUPPLIED and key.published_at]
    return next((key for key in keys if rotation_due(key, o.effective, o.template).at <= now), None)


def _notice(text: str) -> Problem | None:
    return Problem(Reason.ACCOUNT_NOTICE, text) if text else None
