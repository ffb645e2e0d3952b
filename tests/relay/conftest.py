"""A mounted folder, and the simulator with keys."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keypool_client.policy import health
from keypool_client.relay import watching
from keypool_client.sharing import sharing
from keypool_lab.simulator import Simulator
from tests.relay.mounted import Create, Mounted, document, empty, making_keys
from tests.relay.redis_server import RedisServer, program


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """Empty."""
    return empty(tmp_path)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider."""
    async with Simulator() as started:
        yield started


@pytest.fixture
async def create(simulator: Simulator) -> AsyncIterator[Create]:
    """`await create()` makes a key at the provider: its id there, and its value."""
    async with making_keys(simulator) as make:
        yield make


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second between two looks at the folder would be most of what these tests take."""
    monkeypatch.setattr(watching, "EVERY", 0.05)


@pytest.fixture
async def server(tmp_path: Path, often: None) -> AsyncIterator[RedisServer]:
    """Not started."""
    program()
    folder = tmp_path / "redis"
    folder.mkdir()
    made = RedisServer(folder)
    yield made
    await made.close()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a second between two looks; and a verdict lasts longer than the slowest test."""
    monkeypatch.setattr(health, "CANARY_SECONDS", (600.0,))
    monkeypatch.setattr(sharing, "EVERY", 0.05)
    monkeypatch.setattr(sharing, "LONGEST_PAUSE", 0.2)


@pytest.fixture
async def keys(simulator: Simulator, create: Create, mounted: Mounted) -> dict[str, str]:
    """Two keys in the file; the first one is dead at the provider. Public id → value."""
    (first, one), (_, two) = await create(), await create()
    await simulator.change_key(first, "disable")
    values = {"chat-1": two, "chat-0": one}  # of equals the chance of these tests takes the second one
    mounted.put(document([simulator.url], values))
    return values
