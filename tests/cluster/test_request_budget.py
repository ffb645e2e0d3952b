"""One request budget for all pools of an account: kept in every window, ranked, and nothing is missed for it."""

import time
from collections.abc import Iterable
from functools import partial

import pytest

from keypool.cluster import paths
from keypool.tasks import side_by_side
from keypool_lab.simulator import Simulator
from keypool_lab.simulator.faults import Fault
from keypool_lab.simulator.record import Call
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Operator
from tests.cluster.team import (
    PROVIDER,
    Object,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
)
from tests.waiting import eventually

WINDOW = 6.0
BUDGET = 60
POOLS = 200
CROWD = 150
ON_ITS_WAY = 0.5
"""Seconds for a call to arrive that was sent before the refusal of another came back."""


@pytest.fixture
async def operator(make_operator: OperatorMaker) -> Operator:
    """A running operator whose minute is `WINDOW` seconds long."""
    one = make_operator("one")
    one.minute = WINDOW
    await one.start()
    return one


def a_pool(name: str) -> Object:
    """A pool of one key that is probed once in a day."""
    return pool_manifest(name, health={"probeEvery": "24h"})


async def budget(team: Team, simulator: Simulator, **quota: int) -> None:
    """Makes the test's KeyProvider with this budget, or gives it this one."""
    admin = admin_secret(simulator)
    await team.apply(admin, provider_manifest(simulator.url, requestBudget=quota))


async def ready(team: Team) -> int:
    """How many pools are Ready."""
    pools = [pool async for pool in team.client.list(paths.pools(team.namespace))]
    return sum(condition_in(pool, "Ready").get("status") == "True" for pool in pools)


def fullest(times: Iterable[float], window: float) -> int:
    """The most calls in any window of that length, wherever it begins."""
    sorted_times, first, most = sorted(times), 0, 0
    for last, at in enumerate(sorted_times):
        while sorted_times[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def creates_before_the_revocation(simulator: Simulator, asked: float) -> list[Call]:
    """Those that were sent from the report of the leaked key on, its successor's included."""
    revocation = simulator.record.calls("delete")[0].time
    creates = [call for call in simulator.record.calls("create", since=asked) if call.time < revocation]
    print(f"{revocation - asked:.2f} s from the report to the revocation, beside {len(creates)} creates")  # noqa: T201
    return creates


@pytest.mark.usefixtures("operator")
async def test_two_hundred_pools_share_one_budget_and_what_is_compromised_goes_first(
    team: Team, simulator: Simulator
) -> None:
    await budget(team, simulator, perMinute=BUDGET)
    await team.apply(a_pool("chat"))
    await team.ready(deadline=30)
    leaked, name = await team.value(), (await team.keys())[0]["name"]
    crowd = (a_pool(f"crowd-{number}") for number in range(POOLS - 1))
    await side_by_side((partial(team.client.create, paths.pools(team.namespace), pool) for pool in crowd), 8)

    async def under_way() -> bool:
        return await ready(team) >= POOLS // 10

    await eventually(under_way, 30, "some are ready")
    asked = time.time()
    await team.annotate("chat", compromised=name)

    async def revoked() -> bool:
        return leaked not in {key.value for key in simulator.record.live_keys()}

    await eventually(revoked, 15, "the leaked key is revoked")
    assert len(creates_before_the_revocation(simulator, asked)) < POOLS / 4, "it did not wait behind the crowd"

    async def all_ready() -> bool:
        return await ready(team) == POOLS

    await eventually(all_ready, 60, "nothing is missed")
    assert simulator.record.mutations()["created"] == POOLS + 1
    assert fullest((call.time for call in simulator.record.calls()), WINDOW) <= BUDGET


@pytest.mark.usefixtures("operator")
async def test_a_leaked_key_waits_for_no_pool_that_was_there_before(team: Team, simulator: Simulator) -> None:
    await budget(team, simulator, perMinute=10 * CROWD)
    await team.apply(a_pool("chat"))
    await team.ready(deadline=30)
    name = (await team.keys())[0]["name"]
    crowd = (a_pool(f"crowd-{number}") for number in range(CROWD))
    await side_by_side((partial(team.client.create, paths.pools(team.namespace), pool) for pool in crowd), 8)
    await team.annotate("chat", compromised=name)
    asked = time.time()

    async def deleted() -> bool:
        return bool(simulator.record.calls("delete"))

    await eventually(deleted, 30, "the leaked key is revoked")
    assert len(creates_before_the_revocation(simulator, asked)) < CROWD / 2


@pytest.mark.usefixtures("operator", "provider")
async def test_one_refusal_with_retry_after_stops_all_pools_of_the_account(team: Team, simulator: Simulator) -> None:
    await team.apply(*(pool_manifest(name) for name in ("chat", "other", "third")))
    for name in ("chat", "other", "third"):
        await team.ready(name)
    simulator.faults.add(Fault(kind="throttle", match="validate", count=1, retry_after="7"))

    async def goes_on() -> float:
        """Seconds from the refusal to the next call; those that were on their way when it came do not count."""
        calls = simulator.record.calls()
        refused = next((call.time for call in calls if call.fault == "throttle"), None)
        assert refused is not None
        return min((call.time - refused for call in calls if call.time > refused + ON_ITS_WAY), default=0.0)

    assert await eventually(goes_on, 20, "probes go on") >= 7 - 0.1
    assert (await team.condition("other", "Ready"))["status"] == "True"


async def test_the_daily_quota_survives_a_restart_and_what_cannot_fit_is_told(
    team: Team, simulator: Simulator, operator: Operator
) -> None:
    await budget(team, simulator, perDay=10)
    await team.apply(pool_manifest(size=4))  # a listing, four creates and four probes: all that is not kept for urgent
    await team.ready(deadline=30)
    assert len(simulator.record.calls()) == 9
    series = f'keypool_request_budget_left{{keyprovider="{PROVIDER}",namespace="{team.namespace}",window="day"}} 1.0'
    assert series in operator.replica.metrics.text().decode()
    await operator.restart()
    await team.annotate("chat", rotate="now")
    await eventually(lambda: told(team), 10, "the provider tells that the schedule does not fit")
    assert "spec.requestBudget.perDay" in (await team.told("ScheduleExceedsBudget", PROVIDER))["note"]
    await team.considered()
    assert len(simulator.record.calls()) <= 10
    assert simulator.record.mutations() == {"created": 4}
    before = await team.value()
    await budget(team, simulator, perDay=1000)
    await team.changes(before, deadline=30)


async def told(team: Team) -> bool:
    """The provider says that the pools need more than its budget, and what to change."""
    provider = await team.client.get(paths.provider(team.namespace, PROVIDER))
    found = condition_in(provider, "WithinBudget")
    assert found
    assert (found["status"], found["reason"]) == ("False", "ScheduleExceedsBudget")
    return "spec.requestBudget.perDay" in found["message"]
