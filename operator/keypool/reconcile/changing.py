"""Changing a key's limits in place."""

from keypool.core import actions as act
from keypool.core.ledger import KeyRecord, Ledger, limit_facts
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Limits
from keypool.core.reasons import Reason
from keypool.core.spending import limits_of
from keypool.providers.errors import ProviderError
from keypool.providers.protocol import Found
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import heard_out, note_failure
from keypool.reconcile.memory import FIRST_PAUSE

OFTEN = 6
"""Changes of a key's limits in the time in which people get one new key."""


async def update(this: Pass, action: act.UpdateKey) -> bool:
    """Gives one key the limits of the spec. Repeating it is harmless, so nothing is written down before."""
    record = this.handle.ledger.key(action.name)
    entry = this.world.directory.get(record.provider) if record is not None else None
    if record is None or record.handle is None or record.state is not KeyState.ACTIVE or entry is None:
        return False
    activity = f"update:{record.name}"
    if not entry.trusted:  # found to be in another account since the pass began
        return _again(this, activity, "the provider cannot be used until its credential is proven")
    if not await this.world.leadership.enough(this.world.deadlines.other):
        this.memory.pause(activity, this.world.now() + FIRST_PAUSE)
        return False
    limits = limits_of(this.observation.effective.limits, record, this.world.now())
    try:
        found = await heard_out(this, "update", entry.provider.update(record.handle, limits), entry.uid)
    except ProviderError as error:
        note_failure(this, activity, entry.uid, error)
        this.world.tell_failure(this.handle.ledger, record, "update", str(error))
        return False
    if found is Found.NOT_FOUND:  # the next probes tell whether it is gone
        return _again(this, activity, f"the provider does not know key {record.name}")
    this.memory.succeeded(activity)
    this.memory.pause(activity, this.world.now() + this.world.pace.floor / OFTEN)  # however often the spec changes
    await this.handle.update(lambda ledger: _with_limits(ledger, record, limits))
    return True


def _again(this: Pass, activity: str, text: str) -> bool:
    this.memory.failed(activity, Reason.PROVIDER_UNAVAILABLE, text, this.world.now(), this.world.random())
    return False


def _with_limits(ledger: Ledger, record: KeyRecord, limits: Limits) -> Ledger:
    """The limits stand in keys.json: what is published changes with this write."""
    facts = {"publication": ledger.revision + 1, "limits_changed": True}
    return ledger.mark(record.name, **limit_facts(limits)).model_copy(update=facts)
