"""Chosen namespaces: one that is refused, or does not exist, waits alone and is named; one that is not served any more
keeps what it has, and costs nothing."""

import io
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.narrowing import Bindings
from tests.cluster.running import Operator
from tests.cluster.team import (
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.waiting import eventually


@pytest.fixture
async def elsewhere(control_plane: Cluster, admin: KubeClient, namespace: str) -> AsyncIterator[Team]:
    """Another team, in a namespace of its own."""
    name = f"{namespace}-b"
    await admin.create(paths.namespaces(), {"metadata": {"name": name}})
    people = Team(control_plane, admin, name)
    yield people
    await people.abandon()
    await admin.delete(paths.namespace(name))


@pytest.fixture
async def bindings(admin: KubeClient, system: str, team: Team) -> Bindings:
    """The operator's rights: to the team's namespace alone."""
    one = Bindings(admin, system)
    await one.narrow()
    await one.grant(team.namespace)
    return one


def serving(operator: Operator, *teams: str) -> Operator:
    """The same operator for these namespaces, which compares what it knows once a second."""
    update = {"namespaces": ",".join(teams), "resync": 1.0}
    operator.settings = operator.settings.model_copy(update=update)
    return operator


async def account(team: Team, simulator: Simulator) -> None:
    """Gives a team an account at the simulator."""
    admin = admin_secret(simulator)
    await team.apply(admin, provider_manifest(simulator.url))


def lines(logs: io.StringIO, message: str) -> list[dict[str, Any]]:
    """What was logged with these words in it."""
    return [line for line in map(json.loads, logs.getvalue().splitlines()) if message in line["message"]]


async def notes(operator: Operator, *expected: str) -> None:
    """Waits until /readyz adds exactly lines that begin so, and is ready."""

    async def told() -> bool:
        found = operator.replica.health.notes()
        matching = [note.startswith(start) for note, start in zip(found, expected, strict=False)]
        return len(found) == len(expected) and all(matching) and not operator.replica.not_ready()

    await eventually(told, 20, f"ready, and telling: {expected}")


def sample(operator: Operator, name: str, **labels: str) -> float | None:
    """A series of /metrics."""
    return operator.replica.metrics.registry.get_sample_value(name, labels)


async def test_a_namespace_that_is_refused_waits_alone_is_named_and_is_served_as_soon_as_it_may_be(
    *, make_operator: OperatorMaker, team: Team, elsewhere: Team, bindings: Bindings, simulator: Simulator,
    logs: io.StringIO,
) -> None:  # fmt: skip
    operator = serving(make_operator("one"), team.namespace, elsewhere.namespace)
    await operator.start()
    for people in (team, elsewhere):
        await account(people, simulator)
        await people.apply(pool_manifest())
    await team.ready()
    await notes(operator, f"namespace {elsewhere.namespace}: refused, ")
    assert sample(operator, "keypool_namespace_served", namespace=elsewhere.namespace) == 0
    assert sample(operator, "keypool_namespace_served", namespace=team.namespace) == 1
    await bindings.grant(elsewhere.namespace)
    await elsewhere.ready(deadline=40)
    await notes(operator)
    assert sample(operator, "keypool_namespace_served", namespace=elsewhere.namespace) == 1
    assert len(lines(logs, "refused by the API server")) == 1


async def test_a_namespace_that_loses_its_binding_while_it_is_served_waits_alone(
    *, make_operator: OperatorMaker, team: Team, elsewhere: Team, bindings: Bindings, simulator: Simulator,
    logs: io.StringIO,
) -> None:  # fmt: skip
    await bindings.grant(elsewhere.namespace)
    operator = serving(make_operator("one"), team.namespace, elsewhere.namespace)
    await operator.start()
    for people in (team, elsewhere):
        await account(people, simulator)
        await people.apply(pool_manifest())
        await people.ready()
    await bindings.revoke(elsewhere.namespace)
    await notes(operator, f"namespace {elsewhere.namespace}: refused, ")
    before = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(before)
    assert operator.leads
    await bindings.grant(elsewhere.namespace)
    await notes(operator)
    before = await elsewhere.value()
    await elsewhere.annotate("chat", rotate="now")
    await elsewhere.changes(before, deadline=40)


async def test_ledgers_of_a_namespace_that_is_not_served_any_more_are_told_once_and_left_alone(
    *, make_operator: OperatorMaker, team: Team, elsewhere: Team, bindings: Bindings, simulator: Simulator,
    logs: io.StringIO,
) -> None:  # fmt: skip
    await bindings.grant(elsewhere.namespace)
    wide = serving(make_operator("one"), team.namespace, elsewhere.namespace)
    await wide.start()
    for people in (team, elsewhere):
        await account(people, simulator)
        await people.apply(pool_manifest())
        await people.ready()
    await wide.stop()
    await bindings.revoke(elsewhere.namespace)
    logs.seek(0)
    logs.truncate()
    narrow = serving(make_operator("two"), team.namespace)
    await narrow.start()
    await team.considered()
    before = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(before)
    told = lines(logs, "a namespace with keys is not served")
    assert [(line["namespace"], line["pools"]) for line in told] == [(elsewhere.namespace, 1)]
    assert sample(narrow, "keypool_ledgers_unserved") == 1
    assert 'code="403"' not in narrow.replica.metrics.text().decode()
    assert lines(logs, "pass failed") == []
    kept = {key.value for key in simulator.record.live_keys()} & await elsewhere.values()
    assert kept == await elsewhere.values(), "nothing was revoked"
    await narrow.stop()
    await bindings.grant(elsewhere.namespace)
    again = serving(make_operator("three"), team.namespace, elsewhere.namespace)
    await again.start()
    assert await elsewhere.values() == kept
    before = await elsewhere.value()
    await elsewhere.annotate("chat", rotate="now")
    await elsewhere.changes(before)


async def test_a_namespace_that_does_not_exist_is_named_until_it_does(
    make_operator: OperatorMaker, team: Team, admin: KubeClient
) -> None:
    absent = f"{team.namespace}-none"
    operator = serving(make_operator("one"), team.namespace, absent)
    await operator.start()
    await notes(operator, f"namespace {absent}: does not exist")
    assert sample(operator, "keypool_namespace_served", namespace=absent) == 0
    await admin.create(paths.namespaces(), {"metadata": {"name": absent}})
    try:
        await notes(operator)
        assert sample(operator, "keypool_namespace_served", namespace=absent) == 1
    finally:
        await admin.delete(paths.namespace(absent))
