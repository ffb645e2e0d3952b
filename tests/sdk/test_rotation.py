"""Stock programs that know nothing of keypool go through rotations and revocations without a failed request."""

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from keypool_lab.simulator import Simulator
from tests.relay.mounted import Create, Mounted, Values, document
from tests.relay.served import relay
from tests.sdk.stock import DUMMY, STOCK, Program, Told, running
from tests.waiting import eventually

SOME = 4
"""Requests of each way that go well before the next thing happens."""


@pytest.fixture(params=STOCK)
def program(request: pytest.FixtureRequest) -> Program:
    """Each in turn. A tool that is missing is a skip; where the tools are, continuous integration has the SDKs, too."""
    found = STOCK[request.param]
    if lacking := found.kit.lacking():
        pytest.skip(lacking)
    if not found.kit.at_hand():
        told = f"the SDKs for {found.kit.name} are not installed: python -m tests.sdk.installed"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(told)
    return found


def keys(simulator: Simulator, values: Values) -> dict[str, Any]:
    """A keys.json with all dialects."""
    root = simulator.url.removesuffix("/v1")
    bases = {"openai": simulator.url, "anthropic": root, "gemini": root, "azure": root}
    endpoints = [{"name": "0", "bases": bases}]
    return document([simulator.url], values, dialects=list(bases), endpoints=endpoints)


async def test_rotations_and_revocations_are_not_noticed_by_a_stock_program(
    program: Program, simulator: Simulator, create: Create, mounted: Mounted, tmp_path: Path
) -> None:
    """With the SDK's own retries as they are, and with none: every request of both is answered, by the first attempt
    that the SDK makes. First the operator's order, publish and then revoke; then a key that dies behind our back."""
    simulator.switches.pause = 0.005
    folders = {retries: tmp_path / f"retries-{retries}" for retries in ("default", "0")}
    for folder in folders.values():
        folder.mkdir()
    made = dict([await create() for _ in range(3)])
    begun = list(made)[:2]
    mounted.put(keys(simulator, {key: made[key] for key in begun}))
    async with relay(mounted.path) as served, AsyncExitStack() as started:
        told = [
            await started.enter_async_context(running(program, served.url, retries, folder))
            for retries, folder in folders.items()
        ]
        await _some_more(told)
        old = _busy(simulator)
        mounted.put(keys(simulator, {key: made[key] for key in made if key != old}))
        await eventually(lambda: _is_not_used(simulator, old), what="the old key has been replaced")
        await simulator.change_key(old, "delete")
        await _some_more(told)
        dead = _busy(simulator)
        await simulator.change_key(dead, "disable")
        await eventually(lambda: _refused(simulator, dead), what="a request meets the key that was revoked")
        await _some_more(told)
        await started.aclose()
    _judge(told, simulator)


async def _some_more(told: list[Told]) -> None:
    """Waits until each program was answered a few times more, in both ways."""
    wanted = [each.least + SOME for each in told]

    async def there() -> bool:
        ended = [each.failures[-3:] for each in told if each.failures or each.process.returncode is not None]
        return bool(ended) or all(each.least >= want for each, want in zip(told, wanted, strict=True))

    await eventually(there, deadline=30, what="the programs are answered")


def _busy(simulator: Simulator) -> str:
    """The key of the last request."""
    return simulator.record.uses()[-1].key_id or ""


async def _is_not_used(simulator: Simulator, key: str) -> bool:
    """Twenty requests on end went by other keys: what is under way with it is at its end."""
    return all(use.key_id != key for use in simulator.record.uses()[-20:])


async def _refused(simulator: Simulator, key: str) -> bool:
    return any(use.status in {400, 401} for use in simulator.record.uses(key))


def _judge(told: list[Told], simulator: Simulator) -> None:
    """Counted at the client, and at the provider: each answer was paid for once."""
    assert [each.failures for each in told] == [[], []]
    uses = simulator.record.uses()
    served = [use for use in uses if use.served]
    assert len(served) == sum(each.counts.total() for each in told)
    assert not [use.path for use in served if use.duplicate]
    assert {use.attempt for use in uses} <= {"", "0"}
    assert {use.stream for use in served} == {True, False}
    assert all(DUMMY not in repr(use) for use in uses)
