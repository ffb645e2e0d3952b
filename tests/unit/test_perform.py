"""How a plan is carried out: what fails ends the pass, but hides no key that is there."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.core.reasons import Reason
from keypool.reconcile import perform
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from tests.unit.core.builders import NOW, a_key, a_ledger, seen
from tests.waiting import within


async def done(monkeypatch: pytest.MonkeyPatch, *actions: act.Action) -> list[str]:
    """What was asked of the provider, in order, while it refuses to create."""
    asked: list[str] = []

    async def at_provider(_: Pass, action: Any) -> bool:
        asked.append(f"{type(action).__name__} {action.name}")
        return not isinstance(action, act.CreateKey)

    kinds = (act.CreateKey, act.ProbeKey, act.RevokeKey)
    monkeypatch.setattr(perform, "_AT_PROVIDER", dict.fromkeys(kinds, at_provider))
    this = a_pass()
    assert not await perform.perform(this, Plan(this.handle.ledger, actions=actions))
    return asked


def a_pass(memory: Memory | None = None) -> Pass:
    """One whose ledger is durable at once."""

    async def update(_: Any) -> None:
        """Durable at once."""

    ledger = a_ledger(a_key())
    world = SimpleNamespace(
        now=lambda: NOW,
        random=lambda: 0.5,
        leadership=SimpleNamespace(remaining=lambda: 10.0),
        budgets=SimpleNamespace(using=lambda *_: contextlib.nullcontext()),
    )
    handle = SimpleNamespace(update=update, ledger=ledger)
    return cast("Pass", SimpleNamespace(world=world, handle=handle, memory=memory, observation=seen(ledger=ledger)))


async def test_keys_are_probed_also_where_every_create_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await done(monkeypatch, act.ProbeKey("there"), act.CreateKey("new")) == ["ProbeKey there", "CreateKey new"]


async def test_what_fails_ends_the_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await done(monkeypatch, act.CreateKey("new"), act.RevokeKey("old")) == ["CreateKey new"]


@pytest.mark.parametrize("slow", [act.ReadUsage("other"), act.DisableKey("other")])
async def test_no_revocation_waits_for_what_is_asked_about_other_keys(
    monkeypatch: pytest.MonkeyPatch, slow: act.Action
) -> None:
    deleted = asyncio.Event()

    async def answered_after_the_deletion(_: Pass, __: Any) -> bool:
        await within(deleted.wait(), 5)
        return True

    async def revoke(_: Pass, __: Any) -> bool:
        deleted.set()
        return True

    handlers = {type(slow): answered_after_the_deletion, act.RevokeKey: revoke}
    monkeypatch.setattr(perform, "_AT_PROVIDER", handlers)
    this = a_pass()
    assert await perform.perform(this, Plan(this.handle.ledger, actions=(slow, act.RevokeKey("leaked"))))


async def test_what_fails_for_one_key_as_nobody_foresaw_is_a_trouble_and_leaves_the_others_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deleted: list[str] = []

    async def revoke(_: Pass, action: Any) -> bool:
        if action.name == "bad":
            raise OverflowError("sk-canary")
        deleted.append(action.name)
        return True

    monkeypatch.setattr(perform, "_AT_PROVIDER", {act.RevokeKey: revoke})
    memory = Memory()
    this = a_pass(memory)
    actions = (act.RevokeKey("bad"), act.RevokeKey("good"))
    assert not await perform.perform(this, Plan(this.handle.ledger, actions=actions))
    assert deleted == ["good"]
    trouble = memory.troubles["revoke:bad"]
    assert (trouble.reason, trouble.message) == (
        Reason.INTERNAL_ERROR,
        "revoke failed with OverflowError; it is tried again with growing pauses",
    )
    assert memory.wait_until["revoke:bad"] > NOW
