"""A mounted folder, and the simulator with keys."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import ClientSession

from keypool_client.policy import health
from keypool_client.relay import watching
from keypool_client.sharing import sharing
from keypool_lab.simulator import Simulator
from tests.relay.mounted import Mounted, document
from tests.relay.redis_server import RedisServer, program

Create = Callable[[], Awaitable[tuple[str, str]]]


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """Empty."""
    folder = tmp_path / "keys"
    folder.mkdir()
    return Mounted(folder)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider."""
    async with Simulator() as started:
        yield started


@pytest.fixture
async def create(simulator: Simulator) -> AsyncIterator[Create]:
    """`await create()` makes a key at the provider: its id there, and its value."""
    headers = {"Authorization": f"Bearer {simulator.admin_key}"}
    asked = {"name": "k", "rate_limit_rpm": 3000, "scopes": ["chat:write", "embeddings:write"], "expires_in_days": 30}
    async with ClientSession(headers=headers) as session:

        async def make() -> tuple[str, str]:
            async with session.post(f"{simulator.url}/keys", json=asked) as answer:
                told = await answer.json()
                return told["id"], told["key"]

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
