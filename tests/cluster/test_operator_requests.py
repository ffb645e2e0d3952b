"""How many requests the operator makes of the Kubernetes API: what nobody needs is not written."""

import time
from collections import Counter
from datetime import datetime, timedelta

import pytest

from keypool_lab.bench.scrape import WRITES, parse
from tests.cluster.running import Operator
from tests.cluster.team import Object, Team, condition_in, pool_manifest
from tests.waiting import eventually

QUIET_SECONDS = 1.5
POOLS = [f"p{number}" for number in range(10)]
pytestmark = pytest.mark.usefixtures("provider")


def requests(operator: Operator) -> Counter[str]:
    """Requests that change something so far, by verb and resource."""
    counted = parse(operator.replica.metrics.text().decode()).requests
    return Counter({what: count for what, count in counted.items() if what.partition(" ")[0] in WRITES})


def conflicts(operator: Operator) -> list[str]:
    """Requests that the API server refused because somebody wrote in between."""
    lines = operator.replica.metrics.text().decode().splitlines()
    return [line for line in lines if line.startswith("keypool_kube_requests_total") and 'code="409"' in line]


async def at_rest(operator: Operator) -> Counter[str]:
    """The requests, once there was no further one for a while."""
    seen, since = requests(operator), time.monotonic()

    async def quiet() -> bool:
        nonlocal seen, since
        if (now := requests(operator)) != seen:
            seen, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_SECONDS

    await eventually(quiet, 20, "the operator is at rest")
    return seen


def took_long(pool: Object) -> bool:
    """Whether it may have taken over a second: on a busy machine, that is. It is then reported once more, and a key
    that is there before the others costs a write of the ledger."""
    ready = datetime.fromisoformat(condition_in(pool, "Ready")["lastTransitionTime"])
    return ready - datetime.fromisoformat(pool["metadata"]["creationTimestamp"]) >= timedelta(seconds=1)


async def test_new_pools_of_three_keys_cost_at_most_eleven_writes_each_and_meet_no_conflict(
    operator: Operator, team: Team
) -> None:
    before = await at_rest(operator)
    await team.apply(*(pool_manifest(name, size=3, health={"probeEvery": "24h"}) for name in POOLS))
    slow = [name for name in POOLS if took_long(await team.ready(name, deadline=30))]
    spent = await at_rest(operator) - before
    assert spent.total() <= 11 * len(POOLS) + 2 * len(slow), dict(spent)
    assert not conflicts(operator)


async def test_a_rotated_slot_costs_at_most_ten_writes_and_one_event(operator: Operator, team: Team) -> None:
    await team.apply(
        *(pool_manifest(name, rotation={"overlap": {"min": "2s"}}, health={"probeEvery": "24h"}) for name in POOLS)
    )
    for name in POOLS:
        await team.ready(name, deadline=30)
    before = await at_rest(operator)
    values = {name: await team.value(name) for name in POOLS}
    for name in POOLS:
        await team.annotate(name, rotate="now")
    for name in POOLS:
        await team.changes(values[name], name)
        await team.until(name, lambda pool: len(pool["status"]["keys"]) == 1, deadline=30)
    spent = await at_rest(operator) - before
    events = spent.pop("create events", 0)
    assert events <= len(POOLS)
    assert spent.total() <= 10 * len(POOLS), dict(spent)
