"""Making a create call again whose answer was lost: harmless where the value of the key was ours to choose."""

from keypool.core import actions as act
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import Evidence, KeyState
from keypool.core.reasons import Reason
from keypool.providers.errors import Ambiguous, ProviderError, Unreadable, is_refusal
from keypool.reconcile.consenting import may_create
from keypool.reconcile.context import Pass
from keypool.reconcile.keys import (
    complain,
    facts,
    heard_out,
    life,
    may_begin,
    new_key,
    note_failure,
    note_made,
    provider_uid,
)
from keypool.reconcile.memory import FIRST_PAUSE


async def repeat(this: Pass, action: act.RepeatCreate) -> bool:
    """Makes the create call of an unresolved intent again; with the name and value of the first one it makes no second
    key. After a definite refusal only a listing can tell what became of the first."""
    record, entry = this.handle.ledger.key(action.name), this.world.directory.get(provider_uid(this))
    if record is None or entry is None or record.state is not KeyState.UNRESOLVED:
        return False
    if not (entry.trusted and await may_begin(this, record) and await may_create(this.world, entry)):
        this.memory.pause("create", this.world.now() + FIRST_PAUSE)
        return False
    try:
        created = await heard_out(this, "create", entry.provider.create(new_key(this, record)), entry.uid)
    except ProviderError as error:
        await _record_failure(this, entry.uid, record, error)
        return False
    this.memory.succeeded("create")
    this.memory.succeeded(f"repeat:{record.name}")
    note_made(this, record)
    await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.ANSWERED, **facts(this, created)))
    return True


async def _record_failure(this: Pass, uid: str, record: KeyRecord, error: ProviderError) -> None:
    now = this.world.now()
    this.world.tell_failure(this.handle.ledger, record, "create", str(error))
    if is_refusal(error):
        complain(this, "create", uid, error)
        this.memory.failed(f"repeat:{record.name}", Reason.KEY_REFUSED, str(error), now, this.world.random())
        return
    note_failure(this, "create", uid, error)
    if isinstance(error, Unreadable) and error.handle is not None:  # the value is known, so the key is whole
        whole = {"handle": error.handle, **life(this, None)}
        await this.handle.update(lambda ledger: ledger.advance(record.name, Evidence.FOUND_WHOLE, **whole))
    elif isinstance(error, Ambiguous):
        await this.handle.update(lambda ledger: ledger.mark(record.name, intended_at=now))
