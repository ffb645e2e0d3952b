"""A provider that says nothing: its own pools wait, others' do not; it is neither hammered nor forgotten."""

from collections.abc import Awaitable, Callable
from functools import partial

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.cluster import paths
from keypool.providers.meter import Meter
from keypool.providers.protocol import CreatedKey, NewKey, Provider
from keypool.providers.registry import build
from keypool.providers.transport import Deadlines
from keypool_lab.simulator import Options, Simulator
from keypool_lab.simulator.faults import Fault
from tests.cluster.running import Operator
from tests.cluster.team import PROVIDER, Object, Team, condition_in, pool_manifest, steady
from tests.reaching import THIS_MACHINE
from tests.waiting import eventually

HANGING, GOOD = 40, 8
AT_ONCE = 16
"""Passes over pools of one provider: the setting's default."""
PATIENT = Deadlines(create=8.0, other=1.0)


class AtOnce:
    """How many create calls to the first provider were under way at most: as the operator has it, since a busy machine
    may see them arrive, or end, in any order."""

    def __init__(self, url: str) -> None:
        self._url, self._now, self.most = url, 0, 0

    def build(self, spec: KeyProviderSpec, credential: SecretStr, *, meter: Meter, **_: object) -> Provider:
        """An adapter that gives up soon, and whose creates are counted."""
        made = build(
            spec, credential, allow_insecure=True, reach=THIS_MACHINE, deadlines=PATIENT, meter=meter, cool_down=0.5
        )
        if spec.endpoints and spec.endpoints[0].url == self._url:
            made.create = partial(self._counted, made.create)  # type: ignore[method-assign]
        return made

    async def _counted(self, create: Callable[[NewKey], Awaitable[CreatedKey]], key: NewKey) -> CreatedKey:
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            return await create(key)
        finally:
            self._now -= 1


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> AtOnce:
    """Those of every operator of the test."""
    counted = AtOnce(simulator.url)
    monkeypatch.setattr(Operator, "build", staticmethod(counted.build))
    return counted


async def test_a_provider_that_hangs_holds_up_no_pool_of_another_and_is_used_again_when_it_answers(
    operator: Operator, team: Team, simulator: Simulator, provider: str, calls: AtOnce
) -> None:
    async with Simulator(Options()) as elsewhere:
        admin, other, _ = steady(elsewhere)
        await team.apply(admin, other)
        await _provider_is(team, "True", "ProviderReady")
        simulator.faults.add(Fault(kind="hang", match="any", seconds=3600))
        await team.apply(*(pool_manifest(f"slow-{number}") for number in range(HANGING)))
        await eventually(lambda: _creates(simulator, AT_ONCE), 20, "the hanging provider has all its passes")
        good = [pool_manifest(f"good-{number}", providerRef={"name": "steady"}) for number in range(GOOD)]
        await team.apply(*good)
        for number in range(GOOD):
            await team.ready(f"good-{number}")
        assert len(elsewhere.record.live_keys()) == GOOD
        first_ends = min(call.time for call in simulator.record.calls("create")) + PATIENT.create
        assert max(call.time for call in elsewhere.record.calls("create")) < first_ends, (
            "no pool waited for the other's"
        )
        await _provider_is(team, "False", "ProviderUnavailable")
        assert calls.most <= AT_ONCE, "never more calls at once than one provider's share"
        starts = simulator.record.calls("create")
        assert len(starts) <= 3 * AT_ONCE, "it is not called again and again while it is known to hang"
        simulator.faults.clear()
        await _provider_is(team, "True", "ProviderReady")
        for number in range(HANGING):
            await team.ready(f"slow-{number}", deadline=20)
        assert simulator.record.mutations() == {"created": HANGING}


async def _creates(simulator: Simulator, count: int) -> bool:
    return len(simulator.record.calls("create")) >= count


async def _provider_is(team: Team, status: str, reason: str) -> None:
    async def told() -> bool:
        found: Object = condition_in(await team.client.get(paths.provider(team.namespace, PROVIDER)), "Ready")
        return (found.get("status"), found.get("reason")) == (status, reason)

    await eventually(told, 20, f"the provider is {reason}")
