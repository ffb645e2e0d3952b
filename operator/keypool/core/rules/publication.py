"""Rules about what the Secrets hold: proven keys take their slots, the primary moves, Secrets follow the ledger."""

from datetime import datetime

from keypool.core.actions import PublishSecrets
from keypool.core.brake import Grip
from keypool.core.decision import Decision, Plan, earliest
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.observation import Observation, Problem, ProviderFacts
from keypool.core.ownership import adoptions
from keypool.core.projection import Desired, choose_primary, project, secret_names, usable
from keypool.core.reasons import Reason
from keypool.core.rotated import with_rotations
from keypool.core.rotation import is_compromised
from keypool.core.spending import limits_of
from keypool.core.told import relay_of
from keypool.core.trust import counted_from, has_expired
from keypool.core.used_up import better_primary

ADORN = "adorn"
"""The activity of mending a Secret whose keys are right."""
REPAIR, PEACE = "repair", "peace"
"""The activity of writing back what somebody else changes again and again, and when that is forgotten."""
IN_A_SLOT = (KeyState.ACTIVE, KeyState.WITHDRAWN)


def keys_without_a_slot_leave(o: Observation, plan: Plan, now: datetime) -> Decision:
    """After shrinking, once a slot that stays has a key. A suspended pool keeps them: leaving ends in revocation."""
    size = o.spec.size
    if o.spec.suspend or not any(key.slot < size for key in plan.ledger.inside(KeyState.ACTIVE)):
        return Decision("suspended, or no key would be left")
    ledger = plan.ledger
    for key in ledger.inside(*IN_A_SLOT):
        if key.slot >= size:
            ledger = ledger.advance(key.name, Evidence.SLOT_GONE)
    return Decision("keys of slots beyond the size leave the Secret", ledger=ledger)


def unwanted_new_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """A key made for a slot or a template that is gone, or for a Secret that another pool got; or one that leaked. One
    that expired before it was proven counts like a rejected one, so that a provider with odd expiries is not asked for
    ever."""
    ledger, new = plan.ledger, plan.ledger.inside(KeyState.CREATED)
    template = o.template if new else ""
    for key in new:
        if has_expired(o, key, now):
            ledger = _counted(ledger.advance(key.name, Evidence.UNWANTED))
        elif key.slot >= o.spec.size or key.template != template or o.contested is not None or is_compromised(key):
            ledger = ledger.advance(key.name, Evidence.UNWANTED)
    return Decision("new keys that nobody wants any more are revoked", ledger=ledger)


def rejected_new_keys_are_revoked(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Definitely rejected after the activation lag: it never becomes good, unless the provider rejects everything."""
    if o.provider is None or o.grip is not Grip.FREE:
        return Decision("no provider, so its activation lag is unknown; or the brake holds")
    ledger, lag = plan.ledger, o.provider.capabilities.activation_lag
    for key in ledger.inside(KeyState.CREATED):
        check = o.checks.get(key.name)
        born = counted_from(o, key, key.created_at or now, now)
        if check is not None and check.rejections > 0 and check.at >= born + lag:
            ledger = _counted(ledger.advance(key.name, Evidence.REJECTED_NEW))
    return Decision("new keys that the provider rejects are revoked", ledger=ledger)


def _counted(ledger: Ledger) -> Ledger:
    return ledger.model_copy(update={"rejected_in_a_row": ledger.rejected_in_a_row + 1})


def proven_keys_take_their_slot(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Make before break: the predecessor drains from the moment at which its successor is published."""
    if (problem := publication_blocked(o)) is not None:
        return Decision(problem.message)
    ledger = plan.ledger
    for key in ledger.inside(KeyState.CREATED):
        check = o.checks.get(key.name)
        if check is not None and check.accepted:
            ledger = _take_slot(ledger, key)
    return Decision("new keys with a good probe are published", ledger=ledger)


def _take_slot(ledger: Ledger, key: KeyRecord) -> Ledger:
    return take_slot(ledger, key, key.slot).model_copy(update={"rejected_in_a_row": 0})


def take_slot(ledger: Ledger, key: KeyRecord, slot: int) -> Ledger:
    """The proven key takes the slot; whatever had it drains. An active one is what it replaces, where there is one."""
    before = sorted(ledger.of_slot(slot, *IN_A_SLOT), key=lambda each: each.state is KeyState.ACTIVE)
    for predecessor in before:
        ledger = ledger.advance(predecessor.name, Evidence.SUPERSEDED)
    replaces = before[-1].name if before else ""
    return ledger.advance(key.name, Evidence.PROVEN, slot=slot, replaces=replaces)


def the_primary_is_chosen(o: Observation, plan: Plan, now: datetime) -> Decision:
    """It moves when its key leaves, or has nothing left to spend and another slot's has. The base URL goes with it:
    where the provider object was made anew, no key may be sent to another one's endpoint. Whatever changes in the
    Secret is a new publication."""
    before = o.ledger
    ledger = _with_primary(plan.ledger, choose_primary(plan.ledger))
    ledger = _with_base_url(o, _with_primary(ledger, better_primary(o, ledger) or ledger.primary))
    if _content(before) != _content(ledger):
        ledger = ledger.model_copy(update={"publication": before.revision + 1})
    return Decision(f"the primary is {ledger.primary or 'not there yet'}", ledger=ledger)


def _with_primary(ledger: Ledger, name: str | None) -> Ledger:
    return ledger if name == ledger.primary else ledger.model_copy(update={"primary": name})


def _with_base_url(o: Observation, ledger: Ledger) -> Ledger:
    primary = ledger.key(ledger.primary) if ledger.primary else None
    if o.provider is None or primary is None or primary.provider != o.provider.uid:
        return ledger
    url = _base_url(o.provider, ledger, follows=o.spec.secret.follow_endpoint)
    limits_per = "account" if o.provider.capabilities.limits_account else "key"
    relay = relay_of(o.provider)
    if (ledger.base_url, ledger.limits_per, ledger.relay) == (url, limits_per, relay):
        return ledger
    changed = ledger.limits_changed or ledger.relay != relay
    facts = {"base_url": url, "limits_per": limits_per, "relay": relay, "limits_changed": changed}
    return ledger.model_copy(update=facts)


def _base_url(provider: ProviderFacts, ledger: Ledger, *, follows: bool) -> str:
    """Where the endpoint in use is not known yet, as after a start, a pool that follows stays where it is."""
    if not follows:
        return provider.base_url
    stays = ledger.base_url if ledger.base_url in provider.base_urls else provider.base_url
    return provider.url_in_use or stays


def _content(ledger: Ledger) -> tuple[object, ...]:
    names = tuple(key.name for key in usable(ledger))
    return ledger.primary, ledger.base_url, ledger.limits_per, ledger.relay, names


def secrets_follow_the_ledger(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Writes what differs, whoever changed it. A draining value that may have been read again drains anew. What is
    altered around the keys is mended with pauses: it does not touch them, and so holds up nothing."""
    known = _with_adoptions(o, plan.ledger)
    desired = project(known, o.spec)
    problem = publication_blocked(o)
    if not desired or problem is not None:
        return Decision("nothing can be published")
    around = _altered(o, desired) if not o.may(ADORN, now) else None
    paused = (around,) if around is not None else ()
    write = tuple(secret for secret in desired if not is_current(o, secret) and not (paused and _holds(o, secret)))
    remove = tuple(sorted(o.secrets.keys() - {secret.name for secret in desired} - _unknown(o, known)))
    if not write and not remove:
        wake_at = earliest(o.pause(ADORN, now), o.pause(PEACE, now) if REPAIR in o.troubles else None)
        return Decision("the Secrets hold what the ledger says", problems=paused, wake_at=wake_at)
    if not o.may("publish", now):
        return Decision("writing the Secrets failed a moment ago", wake_at=o.pause("publish", now))
    if write and _is_fought(o, plan.ledger, now):
        return Decision("the Secrets are changed again and again", problems=paused, wake_at=o.pause(REPAIR, now))
    ledger = _drain_anew(known) if _is_tampered(o) else known
    publish = PublishSecrets(write, remove, repair=_is_repair(o, plan.ledger))
    return Decision("Secrets differ from the ledger", ledger=ledger, actions=(publish,), problems=paused)


def _unknown(o: Observation, ledger: Ledger) -> set[str]:
    """What the relay's Secret must hold is not known, so it stays as it is."""
    return {secret_names(ledger.pool, o.spec).relay} if ledger.relay is None else set()


def _with_adoptions(o: Observation, ledger: Ledger) -> Ledger:
    adopted = adoptions(ledger, o.secrets, o.adoptable, project(ledger, o.spec))
    return ledger if adopted == ledger.adopted else ledger.model_copy(update={"adopted": adopted})


def _is_fought(o: Observation, ledger: Ledger, now: datetime) -> bool:
    """Somebody else writes them, too, and the keys in them are to stay: no leak waits for that."""
    urgent = any(is_compromised(key) for key in ledger.keys)
    return not o.may(REPAIR, now) and _is_repair(o, ledger) and not urgent


def _altered(o: Observation, desired: tuple[Desired, ...]) -> Problem | None:
    """What something alters around the keys each time that a Secret is written."""
    for secret in desired:
        view = o.secrets.get(secret.name)
        if view is not None and (names := secret.altered(view)):
            text = f"Secret {secret.name} is altered on its way into the cluster, perhaps by an admission policy: "
            return Problem(Reason.SECRET_UNUSABLE, f"{text}{', '.join(names)[:200]}. Its keys are the right ones")
    return None


def publication_blocked(o: Observation) -> Problem | None:
    """What keeps the Secrets from being written: a contested or foreign name, or a newer content."""
    return o.contested or o.secret_problem


def _holds(o: Observation, desired: Desired) -> bool:
    view = o.secrets.get(desired.name)
    return view is not None and desired.holds(view)


def is_current(o: Observation, desired: Desired) -> bool:
    """Whether a Secret was seen to be as it must be."""
    view = o.secrets.get(desired.name)
    return view is not None and desired.equals(view)


def secrets_unsettled(o: Observation, plan: Plan, now: datetime) -> str | None:
    """Why the Secrets may hold something else than the ledger says; None when they were seen to be as it says."""
    if (problem := publication_blocked(o)) is not None:
        return problem.message
    if any(isinstance(action, PublishSecrets) for action in plan.actions) or not o.may("publish", now):
        return "the Secrets are still to be written"
    fought = not o.may(REPAIR, now) and not all(_holds(o, secret) for secret in project(plan.ledger, o.spec))
    return "the Secrets are written back after a pause" if fought else None


def _is_repair(o: Observation, ledger: Ledger) -> bool:
    """Neither the keys nor the spec changed, so somebody else changed the Secrets."""
    same_spec = o.ledger.satisfied_generation == o.known_pool.generation
    return same_spec and _publication_seen(o.ledger) and ledger.publication == o.ledger.publication


def _is_tampered(o: Observation) -> bool:
    """A Secret is not what was published last: it may hold any value again."""
    if not _publication_seen(o.ledger):
        return False
    views = ((secret, o.secrets.get(secret.name)) for secret in project(o.ledger, o.spec))
    return any(view is not None and not secret.holds(view) for secret, view in views)


def _drain_anew(ledger: Ledger) -> Ledger:
    for key in ledger.inside(KeyState.DRAINING):
        ledger = ledger.mark(key.name, unpublished_at=None)
    return ledger


def _publication_seen(ledger: Ledger) -> bool:
    published = usable(ledger)
    return bool(published) and not ledger.limits_changed and all(key.published_at is not None for key in published)


def publication_is_recorded(o: Observation, plan: Plan, now: datetime) -> Decision:
    """Once the Secrets are seen as they must be: since when each key is in or out, and which generation holds."""
    if (reason := secrets_unsettled(o, plan, now)) is not None or not usable(plan.ledger):
        return Decision(reason or "no key is usable", wake_at=o.pause("publish", now))
    ledger, shown = plan.ledger, {key.name for key in usable(plan.ledger)}
    for key in ledger.keys:
        if key.name in shown and (key.published_at is None or key.unpublished_at is not None):
            ledger = ledger.mark(key.name, published_at=key.published_at or now, unpublished_at=None)
        elif key.state in (KeyState.DRAINING, KeyState.WITHDRAWN) and key.name not in shown and not key.unpublished_at:
            ledger = ledger.mark(key.name, unpublished_at=now)
    if ledger.limits_changed:
        ledger = ledger.model_copy(update={"limits_changed": False})
    return Decision("the publication is recorded", ledger=_with_satisfied(o, with_rotations(o, ledger, now), now))


def _with_satisfied(o: Observation, ledger: Ledger, now: datetime) -> Ledger:
    if o.provider is None or o.refused is not None:
        return ledger  # nobody knows which template the spec asks for
    slots = {key.slot for key in ledger.inside(KeyState.ACTIVE) if _is_as_asked(o, o.provider, key, now)}
    if slots != set(range(o.spec.size)) or ledger.satisfied_generation == o.known_pool.generation:
        return ledger
    return ledger.model_copy(update={"satisfied_generation": o.known_pool.generation})


def _is_as_asked(o: Observation, provider: ProviderFacts, key: KeyRecord, now: datetime) -> bool:
    in_place = provider.capabilities.changes_limits
    return key.template == o.template and (not in_place or key.limits == limits_of(o.effective.limits, key, now))
