"""A simulator and the adapters under test, and what calls the small servers themselves."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from keypool.api.provider_options import HolySheep
from keypool.providers.fake import FAKE, FakeProvider
from keypool.providers.holysheep import HolySheepProvider
from keypool.providers.protocol import Provider
from keypool.providers.transport import Deadlines, Transport
from keypool_lab.simulator import Simulator
from tests.contract.simulator_client import Client, client_of
from tests.contract.subjects import PATIENT, SUBJECTS, Subject
from tests.contract.upstream_client import Caller, Watch, caller
from tests.upstreams.server import Server


def holysheep_at(url: str, admin_key: str, deadlines: Deadlines = PATIENT, **options: bool) -> HolySheepProvider:
    """The adapter for an account at that URL."""
    return HolySheepProvider(HolySheep(**options), Transport(url, SecretStr(admin_key), deadlines))


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A HolySheep of the test's own."""
    async with Simulator() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Client]:
    """A plain client of the simulator."""
    async with client_of(simulator.url, simulator.admin_key) as connected:
        yield connected


@pytest.fixture
def deadlines() -> Deadlines:
    """Those of the adapter under test. A test that sees one end has shorter ones."""
    return PATIENT


@pytest.fixture
async def holysheep(simulator: Simulator, deadlines: Deadlines) -> AsyncIterator[HolySheepProvider]:
    """The adapter, talking to the simulator with its admin key."""
    provider = holysheep_at(simulator.url, simulator.admin_key, deadlines)
    yield provider
    await provider.close()


@pytest.fixture(params=SUBJECTS)
async def subject(request: pytest.FixtureRequest, deadlines: Deadlines) -> AsyncIterator[Subject]:
    """Each adapter that speaks HTTP in turn, with its upstream and a fault proxy between them."""
    async with SUBJECTS[request.param](request.getfixturevalue) as opened:
        yield opened


@pytest.fixture(params=[*SUBJECTS, "fake"])
async def provider(request: pytest.FixtureRequest, deadlines: Deadlines) -> AsyncIterator[Provider]:
    """Each adapter in turn."""
    if request.param == "fake":
        yield FakeProvider(replace(FAKE, changes_limits=True, disables_keys=True, tells_last_use=True))
    else:
        async with SUBJECTS[request.param](request.getfixturevalue) as opened:
            yield opened.provider


@pytest.fixture
def watch() -> Watch:
    """The time that an upstream goes by."""
    return Watch()


@pytest.fixture
async def call(upstream: Server) -> AsyncIterator[Caller]:
    """A plain client of the module's upstream, with its admin credential, if it has one."""
    async with caller(upstream.url, upstream.admin_credential) as connected:
        yield connected
