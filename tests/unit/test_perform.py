"""How a plan is carried out: what fails ends the pass, but hides no key that is there."""

import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.reconcile import perform
from keypool.reconcile.context import Pass
from tests.unit.core.builders import a_key, a_ledger, seen


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


def a_pass() -> Pass:
    """One whose ledger is durable at once."""

    async def update(_: Any) -> None:
        """Durable at once."""

    ledger = a_ledger(a_key())
    world = SimpleNamespace(
        leadership=SimpleNamespace(remaining=lambda: 10.0),
        budgets=SimpleNamespace(using=lambda *_: contextlib.nullcontext()),
    )
    handle = SimpleNamespace(update=update, ledger=ledger)
    return cast("Pass", SimpleNamespace(world=world, handle=handle, observation=seen(ledger=ledger)))


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
        await asyncio.wait_for(deleted.wait(), 5)
        return True

    async def revoke(_: Pass, __: Any) -> bool:
        deleted.set()
        return True

    handlers = {type(slow): answered_after_the_deletion, act.RevokeKey: revoke}
    monkeypatch.setattr(perform, "_AT_PROVIDER", handlers)
    this = a_pass()
    assert await perform.perform(this, Plan(this.handle.ledger, actions=(slow, act.RevokeKey("leaked"))))
