"""Disabling a key before it is revoked, and enabling it again when a person wants it back."""

from functools import partial

from keypool.core import actions as act
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.providers.errors import ProviderError, is_refusal
from keypool.providers.protocol import Found, Probe, Provider
from keypool.reconcile.context import Pass
from keypool.reconcile.ending import clear_up, is_elsewhere, still_accepted, usable_client
from keypool.reconcile.keys import complain, heard_out, note_failure
from keypool.reconcile.lookup import without


async def disable(this: Pass, action: act.DisableKey) -> bool:
    """Disables one key and proves that it is rejected: the quiet period begins. Where that is refused it is revoked."""
    record = this.handle.ledger.key(action.name)
    if record is None or record.handle is None or record.state is not KeyState.DISABLED:
        return False
    activity = f"disable:{record.name}"
    provider = await usable_client(this, record, activity)
    if provider is None:
        return False
    try:
        found = await heard_out(this, "disable", provider.disable(record.handle), record.provider)
    except ProviderError as error:
        return await _not_disabled(this, record, error)
    rejected = await _is_rejected(this, provider, record, activity)
    if not rejected:
        if rejected is False:
            still_accepted(this, provider, activity, "disabled")
        return False
    this.memory.succeeded(activity)
    if found is Found.NOT_FOUND and not is_elsewhere(this, record):
        if not await clear_up(this, provider, record, activity):
            return False
        await this.handle.update(partial(without, names=(record.name,), usage=this.memory.usage()))
    else:
        await this.handle.update(lambda ledger: ledger.mark(record.name, disabled_at=this.world.now()))
    return True


async def _not_disabled(this: Pass, record: KeyRecord, error: ProviderError) -> bool:
    if not is_refusal(error):
        return _failed(this, record, "disable", error)
    complain(this, "disable", record.provider, error)
    this.world.tell_failure(this.handle.ledger, record, "disable", str(error))
    await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.DISABLE_REFUSED))
    return True


async def _is_rejected(this: Pass, provider: Provider, record: KeyRecord, activity: str) -> bool | None:
    """Whether the provider rejects the key's value; None when it does not tell now."""
    if record.value is None:
        return True
    try:
        return await heard_out(this, "probe", provider.probe(record.value)) is Probe.REJECTED
    except ProviderError as error:
        note_failure(this, activity, record.provider, error)
        return None


def _failed(this: Pass, record: KeyRecord, call: str, error: ProviderError) -> bool:
    note_failure(this, f"{call}:{record.name}", record.provider, error)
    this.world.tell_failure(this.handle.ledger, record, call, str(error))
    return False


async def enable(this: Pass, action: act.EnableKey) -> bool:
    """Enables one key: its overlap begins anew. One that is not there and is rejected is gone."""
    record = this.handle.ledger.key(action.name)
    if record is None or record.handle is None or record.state is not KeyState.DRAINING or not record.enabling:
        return False
    activity = f"enable:{record.name}"
    provider = await usable_client(this, record, activity)
    if provider is None:
        return False
    try:
        found = await heard_out(this, "enable", provider.enable(record.handle), record.provider)
    except ProviderError as error:
        return _failed(this, record, "enable", error)
    missing = found is Found.NOT_FOUND and not is_elsewhere(this, record)
    gone = missing and await _is_rejected(this, provider, record, activity)
    if gone is None:
        return False
    if gone and not await clear_up(this, provider, record, activity):
        return False
    this.memory.succeeded(activity)
    if gone:
        await this.handle.update(partial(without, names=(record.name,), usage=this.memory.usage()))
    else:
        facts = {"enabling": False, "unpublished_at": this.world.now()}
        await this.handle.update(lambda ledger: ledger.mark(record.name, **facts))
    return True
