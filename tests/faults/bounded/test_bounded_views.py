"""Watches that flood, repeat, cut or keep silent, old lists, and a crowd of Secrets that are nobody's business."""

import asyncio

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Operator
from tests.cluster.team import Team, pool_manifest, secret_manifest
from tests.faults.bounded.measuring import growth
from tests.faults.bounded.proxy import Proxy, Seen
from tests.waiting import eventually

EVENTS, AT_ONCE = 600, 4
"""Changes of the pool, and as many of its Secret; so many of each at once."""
CROWD = 10_000
WRITES = ("create", "update", "patch", "delete")


def passes(operator: Operator) -> float:
    """How many passes over pools there were."""
    found = (metric.samples for metric in operator.replica.metrics.reconcile_seconds.collect())
    counts = (one for samples in found for one in samples if one.name.endswith("_count"))
    return float(sum(one.value for one in counts if one.labels["kind"] == "pool"))


async def flood(team: Team, path: str) -> None:
    """Changes an object's annotation `EVENTS` times."""

    async def some(worker: int) -> None:
        for number in range(EVENTS // AT_ONCE):
            mark = {"metadata": {"annotations": {"test/flood": f"{worker}-{number}"}}}
            await team.client.patch(path, mark)

    await asyncio.gather(*map(some, range(AT_ONCE)))


async def test_a_flood_of_events_that_come_twice_costs_few_passes_no_write_and_no_memory(
    operator: Operator, team: Team, simulator: Simulator, proxy: Proxy, provider: str
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    await team.considered()
    value, before, written = await team.value(), passes(operator), len(proxy.requests(*WRITES))
    frames = proxy.add("repeat")
    loop = asyncio.get_running_loop()
    begin = loop.time()
    async with growth() as grown:
        pool, secret = paths.pool(team.namespace, "chat"), paths.secret(team.namespace, "chat")
        await asyncio.gather(flood(team, pool), flood(team, secret))
        newest = int((await team.pool())["metadata"]["resourceVersion"])

        async def caught_up() -> bool:
            return [int(obj["metadata"]["resourceVersion"]) >= newest for obj in operator.replica.cache.pools()] == [
                True
            ]

        await eventually(caught_up, 15, "the last event has come")
    seconds = loop.time() - begin
    assert frames.met >= EVENTS
    assert passes(operator) - before <= 20 * (seconds + 2), "a key keeps its pace, whatever comes"
    assert proxy.requests(*WRITES)[written:] == []
    assert grown.memory < 60
    assert grown.tasks < 50
    assert await team.value() == value
    assert simulator.record.mutations() == {"created": 1}


async def test_what_a_watch_swallows_or_cuts_is_found_and_an_old_list_does_no_harm(
    make_operator: OperatorMaker, team: Team, simulator: Simulator, proxy: Proxy, provider: str
) -> None:
    one = make_operator("one")
    one.settings = one.settings.model_copy(update={"resync": 1.0})
    await team.apply(pool_manifest("early", deletionPolicy="Revoke"))
    await one.start()
    await team.ready("early")
    old = proxy.lists["apikeypools"]
    proxy.add("truncate", resources=("apikeypools",), skip=1, count=2)
    proxy.add("swallow", resources=("apikeypools",))
    await team.apply(pool_manifest("late"))
    await team.ready("late")
    await team.delete("early")
    await team.gone("early")
    kept = await team.value("late")
    mutations = simulator.record.mutations()
    assert mutations == {"created": 2, "deleted by api": 1}
    replayed = proxy.add("replay", verbs=("list",), resources=("apikeypools",), body=old, count=3)

    async def back() -> bool:
        names = {obj["metadata"]["name"] for obj in one.replica.cache.pools()}
        return replayed.met == replayed.count and names == {"late"}

    await eventually(back, 20, "the list is the present one again")
    await team.considered("late")
    assert await team.value("late") == kept
    assert simulator.record.mutations() == mutations


async def start_up(one: Operator, proxy: Proxy) -> list[Seen]:
    """Starts and stops it; what it asked meanwhile."""
    del proxy.seen[:]
    await one.start()
    await one.stop()
    return proxy.requests()


async def test_two_thousand_foreign_secrets_cost_neither_a_request_nor_a_byte(
    make_operator: OperatorMaker, team: Team, proxy: Proxy
) -> None:
    await start_up(make_operator("zero"), proxy)  # only the very first one makes the installation's id
    first = await start_up(make_operator("one"), proxy)

    async def some(worker: int) -> None:
        for number in range(CROWD // 16):
            body = secret_manifest(f"foreign-{worker}-{number}", entry="x")
            await team.client.create(paths.secrets(team.namespace), body)

    await asyncio.gather(*map(some, range(16)))
    second = await start_up(make_operator("two"), proxy)
    assert _summary(second) == _summary(first)
    assert abs(_size(second) - _size(first)) < 0.05 * _size(first)
    assert all(one.selector for one in second if one.resource == "secrets" and one.verb in {"list", "watch"})


def _summary(seen: list[Seen]) -> set[tuple[str, str, str]]:
    return {(one.verb, one.resource, one.selector) for one in seen}


def _size(seen: list[Seen]) -> int:
    return sum(one.size for one in seen if one.resource in {"secrets", "apikeypools", "keyproviders"})
