"""What keys are used for, as far as the provider tells."""

from functools import partial

from keypool.core import actions as act
from keypool.core.ledger import KeyRecord
from keypool.core.limits import Usage
from keypool.core.observation import Reading
from keypool.core.reasons import Reason
from keypool.core.rotation import is_compromised
from keypool.core.spending import begun_anew
from keypool.providers.errors import CredentialRejected, ProviderError
from keypool.providers.protocol import Provider
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import heard_out, note_failure


async def read(this: Pass, action: act.ReadUsage) -> bool:
    """Notes what a key was used for. A failure stops nothing else, and is tried again with growing pauses."""
    record = this.handle.ledger.key(action.name)
    entry = this.world.directory.get(record.provider) if record is not None else None
    if record is None or entry is None or record.handle is None:
        return True
    activity = f"usage:{record.name}"
    try:
        told = await heard_out(this, "usage", entry.provider.usage(record.handle), entry.uid)
    except CredentialRejected as error:
        note_failure(this, activity, entry.uid, error)
        return True
    except ProviderError as error:
        this.memory.failed(activity, Reason.PROVIDER_UNAVAILABLE, str(error), this.world.now(), this.world.random())
        return True
    this.memory.succeeded(activity)
    if told is None:  # there is no such key any more, which is for probes to find out
        this.memory.pause(activity, this.world.now() + this.observation.effective.probe_every)
        return True
    await _note(this, record, told)
    return True


async def read_last(this: Pass, provider: Provider, record: KeyRecord) -> bool:
    """Once more before a key is revoked, so that little of what it was used for is missed. Stops nothing, and holds up
    no compromised key. Whether the provider was asked."""
    if not provider.capabilities.tells_usage or record.handle is None or is_compromised(record):
        return False
    try:
        told = await heard_out(this, "usage", provider.usage(record.handle))
    except ProviderError:
        return True
    if told is not None:
        await _note(this, record, told)
    return True


async def _note(this: Pass, record: KeyRecord, told: Usage) -> None:
    """The ledger in memory changes with the reading, also where it cannot be written now: nothing counts twice."""
    before = this.memory.readings.get(record.name)
    this.memory.readings[record.name] = Reading(this.world.now(), told)
    anew = partial(begun_anew, name=record.name, before=before.usage if before is not None else None, after=told)
    if anew(this.handle.ledger) is not this.handle.ledger:
        await this.handle.update(anew)
