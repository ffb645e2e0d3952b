"""Fixtures of tests in which the operator works: its rights are those of manifests/base, nothing is mocked."""

import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.serve.logs import JsonFormatter
from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from tests.cluster import rights
from tests.cluster.ledgers import Ledgers
from tests.cluster.people import KeyMaker, deep_seek
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    PROVIDER,
    Team,
    admin_secret,
    provider_manifest,
    steady,
)
from tests.upstreams.plain import Plain

OperatorMaker = Callable[[str], Operator]


@pytest.fixture
def clock() -> Clock:
    """The time that the operator goes by."""
    return Clock()


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """What the process logs, as the operator's own formatter writes it."""
    buffer = io.StringIO()
    handler, root, ours = logging.StreamHandler(buffer), logging.getLogger(), logging.getLogger("keypool")
    handler.setFormatter(JsonFormatter())
    before = ours.level
    root.addHandler(handler)
    ours.setLevel(logging.DEBUG)
    yield buffer
    ours.setLevel(before)
    root.removeHandler(handler)


@pytest.fixture
async def team(control_plane: Cluster, admin: KubeClient, namespace: str, *, tidies: bool) -> AsyncIterator[Team]:
    """The people who work in the test's namespace."""
    people = Team(control_plane, admin, namespace)
    yield people
    if tidies:
        await people.abandon()


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider of the test's own."""
    async with Simulator(Options()) as running:
        yield running


@pytest.fixture
async def provider(team: Team, simulator: Simulator) -> str:
    """The KeyProvider `holysheep` with its admin Secret, pointing to the simulator; its name."""
    admin = admin_secret(simulator)
    await team.client.create(paths.secrets(team.namespace), admin)
    await team.client.create(paths.providers(team.namespace), provider_manifest(simulator.url))
    return PROVIDER


@pytest.fixture
async def system(control_plane: Cluster, admin: KubeClient, namespace: str, *, tidies: bool) -> AsyncIterator[str]:
    """The operator's own namespace, with the service account and the rights of manifests/base."""
    name = f"{namespace}-system"
    await rights.install(admin, control_plane, name)
    yield name
    await rights.uninstall(admin, control_plane, name, tidies=tidies)


@pytest.fixture
async def ledgers(team: Team, system: str) -> Ledgers:
    """What the operator has stored."""
    return Ledgers(team, system)


@pytest.fixture
async def kubeconfig(control_plane: Cluster, admin: KubeClient, system: str) -> Path:
    """The operator's kubeconfig."""
    return await rights.kubeconfig(admin, control_plane, system)


@pytest.fixture
async def make_operator(
    *, kubeconfig: Path, system: str, team: Team, clock: Clock, simulator: Simulator, logs: io.StringIO
) -> AsyncIterator[OperatorMaker]:
    """`make_operator(identity)`: a replica that is not started yet. All are stopped at the end, within 10 s each,
    while the provider still answers."""
    made: list[Operator] = []

    def make(identity: str) -> Operator:
        made.append(Operator(kubeconfig, system, team.namespace, clock, identity))
        return made[-1]

    yield make
    for one in made:
        if one.running:
            await one.stop()


@pytest.fixture
async def operator(make_operator: OperatorMaker) -> Operator:
    """A running operator that serves the test's namespace alone."""
    one = make_operator("one")
    await one.start()
    return one


@pytest.fixture
async def bystander(operator: Operator, team: Team) -> AsyncIterator[str]:
    """A pool of a provider of its own beside what the test spoils: at the end it is Ready, with the same key."""
    async with Simulator(Options()) as elsewhere:
        await team.apply(*steady(elsewhere))
        await team.ready("steady")
        value = await team.value("steady")
        yield "steady"
        ready = await team.condition("steady", "Ready")
        assert ready["status"] == "True"
        assert await team.value("steady") == value
        assert [key.value for key in elsewhere.record.live_keys()] == [value]


@pytest.fixture
async def console() -> AsyncIterator[Plain]:
    """A provider whose console people use."""
    async with Plain() as running:
        yield running


@pytest.fixture
async def person(team: Team, console: Plain) -> KeyMaker:
    """Somebody who makes keys at the KeyProvider `deepseek`."""
    await team.apply(deep_seek(console.url))
    return KeyMaker(team, console)
