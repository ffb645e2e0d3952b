"""A delete call that could outlast the leadership is put off."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

from keypool.core import actions as act
from keypool.core.lifecycle import KeyState
from keypool.core.rotation import Why
from keypool.providers.fake import FakeProvider
from keypool.providers.transport import Deadlines
from keypool.reconcile import revocation
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import NOW, a_key, a_ledger, seen
from tests.unit.test_late_create import Stored, enough


async def revoked_with(
    left: float, *, later: float | None = None, suspended: bool = False, **facts: Any
) -> tuple[FakeProvider, Pass]:
    """The provider and the pass, after a key was to be revoked with so many seconds of leadership left; `later`: after
    its usage was read. Meanwhile people may have `suspended` the pool. `facts` are the key's."""
    provider, ledger = FakeProvider(now=NOW), a_ledger(a_key(0), a_key(0, KeyState.REVOKING, **facts))
    provider.capabilities = replace(provider.capabilities, tells_usage=later is not None)
    live: Any = {"metadata": {"uid": "pool-1"}, "spec": {}}

    async def get(_: str) -> Any:
        return {**live, "spec": {"suspend": suspended and bool(provider.called("usage"))}}

    async def recall(_: str) -> Any:
        return SimpleNamespace(provider=provider, trusted=True)

    world: Any = SimpleNamespace(
        client=SimpleNamespace(get=get),
        cache=SimpleNamespace(upsert=lambda *_: None, provider_by_uid=lambda _: {}),
        directory=SimpleNamespace(recall=recall, get=lambda _: None),
        leadership=SimpleNamespace(
            enough=lambda seconds: enough(later or left if provider.called("usage") else left, seconds)
        ),
        deadlines=Deadlines(),
        metrics=Metrics(),
        now=lambda: NOW,
        random=lambda: 0.5,
        tell_failure=lambda *_: None,
    )
    this = Pass(world, seen(ledger=ledger), cast("Any", Stored(ledger)), Memory())
    await revocation.revoke(this, act.RevokeKey("revoking-0"))
    return provider, this


async def test_a_delete_call_that_fits_is_made() -> None:
    provider, _ = await revoked_with(Deadlines().other + 1)
    assert provider.calls


async def test_a_delete_call_that_could_outlast_the_leadership_is_put_off() -> None:
    provider, this = await revoked_with(Deadlines().other)
    assert not provider.calls
    assert [key.state for key in this.handle.ledger.keys] == [KeyState.ACTIVE, KeyState.REVOKING]
    assert this.memory.next_try(NOW) is not None, "it is tried again"


async def test_a_delete_call_is_put_off_where_reading_the_usage_before_it_took_too_long() -> None:
    provider, this = await revoked_with(60, later=Deadlines().other)
    assert provider.called("usage")
    assert not provider.called("revoke")
    assert this.memory.next_try(NOW) is not None, "it is tried again"


async def test_a_pool_that_was_suspended_while_the_usage_was_read_keeps_its_key() -> None:
    provider, _ = await revoked_with(60, later=60, suspended=True)
    assert provider.called("usage")
    assert not provider.called("revoke")


async def test_the_usage_of_a_key_that_nobody_needs_is_read_before_it_is_deleted() -> None:
    provider, _ = await revoked_with(60, later=60)
    assert [call for call, _ in provider.calls[:2]] == ["usage", "revoke"]


async def test_a_leaked_key_is_deleted_without_reading_its_usage_first() -> None:
    provider, _ = await revoked_with(60, later=60, asked=Why.COMPROMISED.value)
    assert provider.called("revoke")
    assert not provider.called("usage")
