"""What is done to keys at the provider, but for revoking them. Each outcome is durable before the next step; errors
become evidence."""

import logging
from collections.abc import Awaitable
from datetime import datetime
from typing import TypeVar

from keypool.core import actions as act
from keypool.core.deadlines import BEGIN_WITHIN
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.naming import metadata_of, nonce, upstream_name
from keypool.core.reasons import Reason
from keypool.core.warnings import differs
from keypool.errand import waiting_for_others
from keypool.providers.errors import (
    Ambiguous,
    CredentialRejected,
    EndpointRefused,
    ProviderError,
    PutOff,
    Rejected,
    Throttled,
    TokenRefused,
    Unreadable,
)
from keypool.providers.protocol import CreatedKey, NewKey, Probe
from keypool.reconcile.consenting import may_create
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import FIRST_PAUSE
from keypool.reconcile.pace import place_of
from keypool.reconcile.proving import problem_of

_log = logging.getLogger(__name__)
T = TypeVar("T")

_NEED_A_RIGHT = frozenset({"create", "update", "disable", "enable", "revoke"})
"""Calls of which a 403 may mean the credential. Where a pool's use cannot be read, nothing is amiss with its keys."""
_WITH_CREDENTIAL = _NEED_A_RIGHT | {"probe", "usage"}
"""Calls of which a 401 does. How listing goes, the reconciler of providers sees for itself."""
_REFUSALS = {"create": Reason.KEY_REFUSED, "update": Reason.KEY_REFUSED, "revoke": Reason.REVOCATION_REFUSED}


async def create(this: Pass, action: act.CreateKey) -> bool:
    """Makes the create call of a durable intent. One call per intent, whatever happens."""
    record, entry = this.handle.ledger.key(action.name), this.world.directory.get(provider_uid(this))
    if record is None or entry is None or record.state is not KeyState.INTENDED:
        return False
    if not entry.trusted:  # found to be in another account since the pass began
        this.memory.pause("create", this.world.now() + FIRST_PAUSE)
        return False
    if not await may_begin(this, record):  # the API server was slow; the next pass begins anew
        this.memory.pause("create", this.world.now() + FIRST_PAUSE)
        await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.NEVER_SENT))
        return False
    if not await may_create(this.world, entry):
        this.memory.pause("create", this.world.now() + FIRST_PAUSE)
        await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.NEVER_SENT))
        return False
    this.memory.sent |= {record.name}
    pause = this.memory.wait_until.get("create")
    try:
        created = await heard_out(this, "create", entry.provider.create(new_key(this, record)), entry.uid)
    except ProviderError as error:
        note_failure(this, "create", entry.uid, error)
        this.world.tell_failure(this.handle.ledger, record, "create", str(error))
        await _record_failed_create(this, record, error)
        return False
    if this.memory.wait_until.get("create") == pause:  # else a call beside this one was told to wait
        this.memory.succeeded("create")
    note_made(this, record)
    await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.ANSWERED, **facts(this, created)))
    return True


def note_made(this: Pass, record: KeyRecord) -> None:
    """How fast people may have more made is counted from here."""
    others = this.handle.ledger.of_slot(record.slot)
    again = any(key.name != record.name and key.published_at is not None for key in others)
    this.memory.made(record, this.world.now(), again=again)
    this.world.pace.made(place_of(this.observation.pool, this.handle.ledger, this.observation.provider), record.why)


async def may_begin(this: Pass, record: KeyRecord) -> bool:
    """Soon after its intent, and with more leadership left than the call can take."""
    enough = await this.world.leadership.enough(this.world.deadlines.create)
    return enough and this.world.now() - record.intended_at <= BEGIN_WITHIN


def provider_uid(this: Pass) -> str:
    """Of the provider object that the pool names; "" where there is none."""
    return this.observation.provider.uid if this.observation.provider is not None else ""


def new_key(this: Pass, record: KeyRecord) -> NewKey:
    """What to ask the provider for."""
    spec, ledger = this.observation.effective, this.handle.ledger
    owner = upstream_name(ledger.namespace, ledger.pool, this.observation.installation, nonce(ledger.pool_uid, 0))
    return NewKey(
        record.name,
        spec.lifetime,
        spec.scopes,
        record.limits,
        owner=owner,
        value=record.value,
        identity=this.observation.identity,
        tags=spec.tags,
        metadata=metadata_of(ledger.namespace, ledger.pool, this.observation.installation) | dict(spec.metadata),
    )


def facts(this: Pass, created: CreatedKey) -> dict[str, object]:
    """What a record knows of a key that was created just now."""
    return {"handle": created.handle, "value": created.value, **life(this, created.expires_at)}


def life(this: Pass, expires_at: datetime | None) -> dict[str, object]:
    """The dates of a key that is there from now on: our own lifetime decides; the provider's expiry where it is
    sooner. What it grants is kept where that is not what it was asked for: people are told."""
    now, asked = this.world.now(), this.observation.effective.lifetime
    ours = now + asked
    if expires_at is None:
        return {"created_at": now, "expires_at": ours}
    granted = {"granted": expires_at} if differs(asked, expires_at - now) else {}
    return {"created_at": now, "expires_at": min(ours, expires_at), **granted}


async def _record_failed_create(this: Pass, record: KeyRecord, error: ProviderError) -> None:
    if isinstance(error, Unreadable) and error.handle is not None:
        await this.handle.update(lambda x: x.advance(record.name, Evidence.UNREADABLE, handle=error.handle))
    elif isinstance(error, Ambiguous):
        lost = {"begun_at": record.intended_at, "intended_at": this.world.now()}
        await this.handle.update(lambda x: x.advance(record.name, Evidence.LOST, **lost))
    else:
        await this.handle.update(lambda x: x.advance(record.name, Evidence.REFUSED))


async def probe(this: Pass, action: act.ProbeKey) -> bool:
    """Asks about one key. Only a definite answer counts; anything else changes nothing but the pause."""
    record, entry = this.handle.ledger.key(action.name), this.world.directory.get(provider_uid(this))
    if record is None or record.value is None or entry is None:
        return False
    asked = this.world.now()
    try:
        answer = await heard_out(this, "probe", entry.provider.probe(record.value), entry.uid)
    except ProviderError as error:
        note_failure(this, f"probe:{record.name}", entry.uid, error)
        return False
    now = this.world.now()
    this.world.accounts.heard(entry.uid)
    released = this.world.accounts.released(entry.uid)
    this.memory.checked(record.name, now, answer is Probe.ACCEPTED, asked, released)
    tell_the_brake(this, entry.uid, record, answer)
    lag = entry.provider.capabilities.activation_lag
    if record.state is KeyState.CREATED and answer is Probe.REJECTED and now < (record.created_at or now) + lag:
        text = "the new key is not accepted yet"
        this.memory.failed(f"probe:{record.name}", Reason.KEY_REJECTED, text, now, this.world.random())
    return True


def tell_the_brake(this: Pass, provider_uid: str, record: KeyRecord, answer: Probe) -> None:
    """Before the next pass of any pool, so that not many keys are withdrawn before it holds. Only a listing can tell
    what the brake wants to know."""
    if this.observation.provider is None or not this.observation.provider.capabilities.lists_keys:
        return
    brake = this.world.accounts.brake(provider_uid)
    if answer is Probe.ACCEPTED:
        news = brake.accept(record.name, this.world.now())
    else:
        shown = record.state in (KeyState.ACTIVE, KeyState.WITHDRAWN) and record.expires_at > this.world.now()
        reported = record.name in this.observation.reported
        news = shown and brake.reject(record.name, reported=reported)
    if news:
        this.world.touch_provider(provider_uid)


async def heard_out(this: Pass, call: str, awaitable: Awaitable[T], uid: str = "") -> T:
    """A provider call. `uid`: of the provider whose credential is good for such calls if it works."""
    with waiting_for_others():
        answer = await awaitable
    _worked(this, call, uid)
    return answer


def _worked(this: Pass, call: str, uid: str) -> None:
    entry = this.world.directory.get(uid)
    if entry is not None and call in _NEED_A_RIGHT:
        entry.accepted = this.world.now()
    if entry is not None and entry.grievances.worked(call, this.handle.ledger.pool_uid):
        this.world.touch_provider(uid)


def complain(this: Pass, call: str, uid: str, error: ProviderError) -> None:
    """The credential is refused, or a call that a right is needed for: the provider is looked at anew, and told not to
    be ready when it lists keys and yet refuses this again."""
    told = isinstance(error, CredentialRejected) and not isinstance(error, TokenRefused) and call in _WITH_CREDENTIAL
    forbidden = isinstance(error, Rejected) and error.forbidden and call in _NEED_A_RIGHT
    entry, ledger = this.world.directory.get(uid), this.handle.ledger
    if entry is None or not (told or forbidden):
        return
    if entry.grievances.refused(call, ledger.pool_uid, ledger.namespace, str(error)):
        this.world.directory.doubt(uid)
        this.world.touch_provider(uid)


def note_failure(this: Pass, activity: str, provider_uid: str, error: ProviderError) -> None:
    """Turns an error into a trouble with a pause; a refused credential or endpoint concerns all of its pools."""
    complain(this, activity.split(":", 1)[0], provider_uid, error)
    now, text = this.world.now(), str(error)
    _log.warning("pool %s/%s: %s: %s", this.subject.namespace, this.subject.name, activity, text)
    if isinstance(error, Throttled):
        this.memory.throttled(activity, text, now, error.retry_after, this.world.random())
    elif isinstance(error, (CredentialRejected, EndpointRefused)):
        problem = problem_of(error, Reason.PROVIDER_REFUSED)
        entry = this.world.directory.get(provider_uid)
        judged = entry is not None and entry.grievances.judgement(shared=False) is not None
        this.memory.failed(activity, problem.reason, text, now, this.world.random(), person=judged)
        this.world.directory.set_problem(provider_uid, problem)
        this.world.touch_provider(provider_uid)
    elif isinstance(error, Rejected):
        reason = _REFUSALS.get(activity.split(":", 1)[0], Reason.PROVIDER_REFUSED)
        this.memory.failed(activity, reason, text, now, this.world.random(), person=True)
    else:
        reason = problem_of(error, Reason.PROVIDER_REFUSED).reason
        this.memory.failed(activity, reason, text, now, this.world.random())
        if not isinstance(error, PutOff) and this.world.directory.unanswered(provider_uid):
            this.world.touch_provider(provider_uid)
