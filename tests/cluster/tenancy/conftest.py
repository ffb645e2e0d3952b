"""A control plane of these tests' own, because their operator serves the whole cluster."""

import io
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from keypool.cluster.client import KubeClient
from keypool.cluster.errors import NotFound
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from keypool_lab.simulator import Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team
from tests.cluster.tenancy.shared import Account, Notes
from tests.conftest import CRDS


@pytest.fixture(scope="package")
def control_plane(binaries: Binaries) -> Iterator[Cluster]:
    """A cluster in which no other test works."""
    with ControlPlane.start(binaries, CRDS) as plane:
        yield plane


@pytest.fixture
def tidies() -> bool:
    """The operator meets the pools of all tests."""
    return True


@pytest.fixture
async def elsewhere(control_plane: Cluster, admin: KubeClient, namespace: str) -> AsyncIterator[Team]:
    """Another team, in a namespace of its own."""
    name = f"{namespace}-b"
    (await control_plane.kubectl("create", "namespace", name)).checked()
    people = Team(control_plane, admin, name)
    yield people
    await people.abandon()


@pytest.fixture
async def account(admin: KubeClient, system: str, simulator: Simulator) -> AsyncIterator[Account]:
    """The administrator's account at the simulator; nothing of it is in the cluster before `open`."""
    one = Account(admin, f"shared-{secrets.token_hex(3)}", system, simulator.url, simulator.admin_key)
    yield one
    try:
        await admin.delete(one.path)
    except NotFound:
        return


@pytest.fixture
def notes() -> Notes:
    """As whom keys were made."""
    return Notes()


@pytest.fixture
async def operator(
    *, kubeconfig: Path, system: str, team: Team, elsewhere: Team, clock: Clock, simulator: Simulator, notes: Notes,
    account: Account, logs: io.StringIO,
) -> AsyncIterator[Operator]:  # fmt: skip
    """A running operator of the whole cluster that compares what it knows once a second."""
    one = Operator(kubeconfig, system, "", clock)
    one.settings, one.build = one.settings.model_copy(update={"resync": 1.0}), notes.build
    await one.start()
    yield one
    await one.stop()
