"""Fixtures: real gateways for each test worker that asks for them, on a PostgreSQL of its own.

All tests of a worker share a gateway, so a test names its keys after itself and judges nothing but those.
"""

from collections.abc import Iterator

import pytest

from keypool_lab.gateways import AnyLLM, Gateway, LiteLLM, PostgreSQL, litellm
from keypool_lab.gateways.chat import Chat


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """The database server of this test worker."""
    with PostgreSQL() as server:
        yield server


@pytest.fixture(scope="session")
def small_server() -> Iterator[Chat]:
    """What stands behind the gateways in place of a language model."""
    with Chat() as server:
        yield server


@pytest.fixture(scope="session")
def anyllm_gateway(postgresql: PostgreSQL, small_server: Chat) -> Iterator[AnyLLM]:
    """A real any-llm-gateway: starts in 3 s, takes 160 MB."""
    with AnyLLM(postgresql.create_database(), small_server.base_url) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def litellm_database(request: pytest.FixtureRequest) -> str:
    """A database with LiteLLM's tables; without LiteLLM's set-up, tests that need it are skipped."""
    if not litellm.at_hand():
        pytest.skip("LiteLLM is not set up here: make test-all sets it up and runs its tests, too")
    database: str = request.getfixturevalue("postgresql").create_database(litellm.schema())
    return database


@pytest.fixture(scope="session")
def litellm_gateway(litellm_database: str, small_server: Chat) -> Iterator[LiteLLM]:
    """A real LiteLLM proxy: starts in 20 s, takes 800 MB."""
    with LiteLLM(litellm_database, small_server.base_url) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def second_litellm_gateway(litellm_gateway: LiteLLM, litellm_database: str, small_server: Chat) -> Iterator[LiteLLM]:
    """A second instance on the same database, with the same master key."""
    with LiteLLM(litellm_database, small_server.base_url, litellm_gateway.master_key) as gateway:
        yield gateway


@pytest.fixture(params=["anyllm", "litellm"])
def gateway(request: pytest.FixtureRequest) -> Gateway:
    """Each gateway in turn."""
    found: Gateway = request.getfixturevalue(f"{request.param}_gateway")
    return found
