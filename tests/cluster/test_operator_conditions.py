"""What the conditions say while a pool comes up, rotates and changes: seen through a watch, no state is missed."""

from collections.abc import AsyncIterator

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Fault, Options, Simulator
from tests.cluster.team import Object, Team, condition_in, pool_manifest, steady
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider that takes its time, so that states in between can be seen."""
    async with Simulator(Options(latency=0.1)) as running:
        yield running


def published(pool: Object) -> int:
    """How many keys the status says are published."""
    return int(((pool.get("status") or {}).get("counts") or {}).get("published", 0))


def ready(pool: Object) -> str | None:
    """Status of Ready."""
    return condition_in(pool, "Ready").get("status")


async def test_ready_is_first_true_when_all_keys_are_published(team: Team, simulator: Simulator) -> None:
    """One key cannot be proven at first, so that the others are published a second before the pool is complete."""
    simulator.faults.add(Fault(kind="status", status=500, match="validate", when="before", count=1))
    async with team.history(paths.pools(team.namespace), "chat") as versions:
        await team.apply(pool_manifest(size=3))
        await team.ready()
    seen = [(ready(pool), published(pool)) for pool in versions]
    assert seen[0] == (None, 0)
    assert ("False", 2) in seen
    assert {count for status, count in seen if status == "True"} == {3}


async def test_ready_stays_true_throughout_a_rotation(team: Team) -> None:
    await team.apply(pool_manifest(size=2, rotation={"overlap": {"min": "0s"}}))
    before = await team.ready()
    names = {key["name"] for key in before["status"]["keys"]}
    async with team.history(paths.pools(team.namespace), "chat") as versions:
        await team.annotate("chat", rotate="now")
        await team.until("chat", lambda pool: not names & {key["name"] for key in pool["status"]["keys"]})
    assert {ready(pool) for pool in versions} == {"True"}
    assert not any(condition_in(pool, "Reconciling") for pool in versions), "an ordinary rotation is not progress"


async def test_a_new_generation_is_observed_before_it_is_satisfied(team: Team, simulator: Simulator) -> None:
    """status.observedGeneration moves on first sight; the one of Ready keeps the generation last satisfied."""
    await team.apply(pool_manifest())
    await team.ready()
    simulator.faults.add(Fault(kind="throttle", retry_after="1", match="create", count=2))
    async with team.history(paths.pools(team.namespace), "chat") as versions:
        await team.patch("chat", size=2)
        await team.ready(deadline=20)
    seen = [
        (pool["status"]["observedGeneration"], condition_in(pool, "Ready")["observedGeneration"], ready(pool))
        for pool in versions
        if pool["metadata"]["generation"] == 2
    ]
    assert (2, 1, "True") in seen
    assert seen[-1] == (2, 2, "True")
    assert seen == sorted(seen), "nothing goes back"


async def test_reconciling_is_there_until_the_generation_is_satisfied(team: Team, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="throttle", retry_after="1", match="create", count=1))
    async with team.history(paths.pools(team.namespace), "chat") as versions:
        await team.apply(pool_manifest())
        await team.ready()
    told = [(ready(pool), condition_in(pool, "Reconciling").get("status")) for pool in versions]
    assert set(told) == {(None, None), ("False", "True"), ("True", None)}
    assert versions[0]["status"] == {"observedGeneration": -1}, "in progress from the first moment"


async def test_a_create_call_that_takes_long_is_reported_before_it_ends(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest("before"))
    await team.ready("before")
    simulator.faults.add(Fault(kind="hang", seconds=60, match="create", count=1))
    await team.apply(pool_manifest())
    await team.has("chat", "Reconciling", "True", "CreatingKeys")
    status = (await team.pool("chat"))["status"]
    assert status["observedGeneration"] == 1
    assert [key["state"] for key in status["keys"]] == ["intended"]


async def test_a_provider_whose_first_check_takes_long_says_so(team: Team) -> None:
    """And so does the pool that waits for it: nobody looks at empty columns."""
    async with Simulator(Options()) as elsewhere:
        elsewhere.faults.add(Fault(kind="hang", seconds=60, match="list"))
        await team.apply(*steady(elsewhere))

        async def told() -> Object | None:
            provider = await team.client.get(paths.provider(team.namespace, "steady"))
            return provider if condition_in(provider, "Ready") else None

        provider = await eventually(told, 8, "the provider says something") or {}
        assert provider["status"]["observedGeneration"] == 1
        assert condition_in(provider, "Ready")["status"] != "True"
        assert condition_in(provider, "Reconciling")["status"] == "True"
        pool = await team.until("steady", lambda pool: condition_in(pool, "Reconciling"))
        assert pool["status"]["observedGeneration"] == 1
        elsewhere.faults.clear()


async def test_a_pool_that_waited_for_its_provider_says_once_it_is_worked_on(team: Team) -> None:
    async with Simulator(Options()) as elsewhere:
        secret, provider, pool = steady(elsewhere)
        await team.apply(pool)
        await team.until("steady", lambda pool: condition_in(pool, "Ready").get("reason") == "ProviderNotFound")
        elsewhere.faults.add(Fault(kind="hang", seconds=60, match="create", count=1))
        await team.apply(secret, provider)
        await team.has("steady", "Reconciling", "True", "CreatingKeys")


async def test_a_pool_that_waits_for_its_provider_says_why(team: Team, simulator: Simulator) -> None:
    """A provider that is busy is not a reason to ask a person."""
    simulator.faults.add(Fault(kind="throttle", retry_after="1", match="create"))
    await team.apply(pool_manifest())
    told = await team.has("chat", "Ready", "False", "ProviderThrottled")
    assert told["message"]
    assert not await team.condition("chat", "Stalled")
    simulator.faults.clear()
    await team.ready()


async def test_a_provider_that_asks_for_a_pause_gets_it_although_other_calls_succeed(
    team: Team, simulator: Simulator
) -> None:
    """Create calls run side by side; the success of one is no answer to what another one was told."""
    simulator.faults.add(Fault(kind="throttle", retry_after="2", match="create", count=1))
    await team.apply(pool_manifest(size=3))
    await team.ready()
    calls = simulator.record.calls("create")
    throttled = next(call.time for call in calls if call.fault)
    assert len(calls) == 4
    assert max(call.time for call in calls) - throttled >= 1.9


async def test_conditions_of_a_ready_pool(team: Team) -> None:
    await team.apply(pool_manifest())
    pool = await team.ready()
    told = {condition["type"]: (condition["status"], condition["reason"]) for condition in pool["status"]["conditions"]}
    assert told == {
        "Ready": ("True", "KeysPublished"),
        "Published": ("True", "SecretsCurrent"),
        "Healthy": ("True", "AllKeysAccepted"),
        "Revoked": ("True", "NothingOutstanding"),
    }
