"""An error that nobody foresaw in a pass: it is told, and a deleted pool goes at its deadline all the same."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from keypool.core.rules.deletion import DEADLINE
from keypool.reconcile import pool as pool_passes
from keypool.reconcile import provider as provider_looks
from keypool.reconcile.report import Reporter
from keypool_lab.simulator import Simulator
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import PROVIDER, Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


def overflowing(*_: object, **__: object) -> Any:
    """As a number does that nobody expected."""
    raise OverflowError("sk-canary-0123456789")


BREAKS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "what is observed": lambda patch: patch.setattr(pool_passes, "observe", overflowing),
    "what is planned": lambda patch: patch.setattr(pool_passes, "plan", overflowing),
    "what is reported": lambda patch: patch.setattr(Reporter, "conclude", overflowing),
}


@pytest.mark.parametrize("break_it", BREAKS.values(), ids=BREAKS)
async def test_a_pool_whose_passes_fail_says_so_and_goes_at_its_deadline_with_its_debt_in_the_ledger(
    *,
    team: Team,
    simulator: Simulator,
    operator: Operator,
    clock: Clock,
    ledgers: Ledgers,
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[pytest.MonkeyPatch], None],
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.poke()
    with monkeypatch.context() as broken:
        break_it(broken)
        await team.annotate("chat", rotate="now")
        await team.has("chat", "Ready", "Unknown", "InternalError", saying="failed with OverflowError")
        assert (await team.condition("chat", "Reconciling"))["reason"] == "InternalError"
        assert "canary" not in str(await team.pool())
        shown = operator.replica.metrics.text().decode()
        assert f'keypool_pool_ready{{namespace="{team.namespace}",pool="chat"}} 0.0' in shown
        await team.delete()
        await operator.restart()
        assert await team.pool(), "it waits for its deadline"
        clock.advance(DEADLINE + timedelta(seconds=1))
        await team.gone()
        owed = [key["state"] for ledger in await ledgers.all() for key in ledger["keys"]]
        assert owed == ["owed"] * len(simulator.record.live_keys()), "each key that lives on is one that is owed"
    await operator.restart()

    async def paid() -> bool:
        return not simulator.record.live_keys()

    await eventually(paid, 15, "what is owed is revoked")


async def test_a_provider_whose_look_fails_has_a_status_and_so_have_its_pools(
    team: Team, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert operator.leads
    with monkeypatch.context() as broken:
        broken.setattr(provider_looks, "account", overflowing)
        await operator.restart()
        await team.apply(pool_manifest())
        await team.has("chat", "Ready", "False", "ProviderNotReady", saying="failed with OverflowError")
        await team.kubectl("wait", f"keyprovider/{PROVIDER}", "--for=condition=Ready=Unknown", "--timeout=15s")
    await team.ready(deadline=20)
