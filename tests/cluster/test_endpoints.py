"""Several endpoints of one account: a rotation survives the death of the preferred one, and people see what happens."""

import base64
from collections.abc import AsyncIterator
from functools import partial

import pytest

from keypool.cluster import paths
from keypool.providers.registry import build
from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from keypool_lab.simulator.door import Door
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Operator
from tests.cluster.team import (
    PROVIDER,
    Object,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
)
from tests.cluster.workload import works
from tests.waiting import eventually

COOL_DOWN = 4.0
"""Seconds: long enough to be seen in status, short enough to wait for."""
SOON = {"rotation": {"overlap": {"min": "0s"}}}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """A provider that takes its time, so that a rotation has a middle."""
    async with Simulator(Options(latency=0.05)) as running:
        yield running


@pytest.fixture
async def preferred(simulator: Simulator) -> Door:
    """The first endpoint of the provider; the simulator's own is the second."""
    return await simulator.open_door()


@pytest.fixture
async def operator(make_operator: OperatorMaker) -> Operator:
    """A running operator."""
    one = make_operator("one")
    one.build = partial(build, cool_down=COOL_DOWN)
    await one.start()
    return one


@pytest.fixture
async def pools(operator: Operator, team: Team, simulator: Simulator, preferred: Door) -> tuple[str, str]:
    """A pool whose base URL stays, and one whose base URL follows."""
    endpoints = [{"url": preferred.url}, {"url": simulator.url}]
    await team.apply(
        admin_secret(simulator, preferred.url, simulator.url),
        provider_manifest(preferred.url, endpoints=endpoints),
        pool_manifest("chat", size=4, **SOON),
        pool_manifest("follower", secret={"followEndpoint": True}, **SOON),
    )
    await team.ready("chat")
    await team.ready("follower")
    return "chat", "follower"


async def provider_object(team: Team) -> Object:
    """The KeyProvider as it is now."""
    return await team.client.get(paths.provider(team.namespace, PROVIDER))


async def states(team: Team) -> list[str]:
    """The endpoints' states in status."""
    return [endpoint["state"] for endpoint in (await provider_object(team))["status"]["endpoints"]]


async def base_urls(team: Team, pools: tuple[str, str]) -> list[str]:
    """What the pools publish."""
    return [(await team.secret_data(pool))["baseURL"] for pool in pools]


def measured(operator: Operator, team: Team, preferred: Door, simulator: Simulator) -> list[float | None]:
    """The endpoints' states as metrics."""
    return [
        operator.replica.metrics.registry.get_sample_value(
            "keypool_endpoint_state",
            {
                "namespace": team.namespace,
                "keyprovider": PROVIDER,
                "endpoint": str(index),
                "host": url.removeprefix("http://").removesuffix("/v1"),
            },
        )
        for index, url in enumerate((preferred.url, simulator.url))
    ]


async def test_a_rotation_completes_over_the_next_endpoint_when_the_preferred_one_dies_in_its_middle(
    *, operator: Operator, team: Team, simulator: Simulator, preferred: Door, pools: tuple[str, str]
) -> None:
    before = await team.values()
    await team.annotate("chat", rotate="now")

    async def begun() -> bool:
        return bool(await team.values() - before)

    await eventually(begun, 15, "the first key is replaced")
    assert await team.values() & before, "the rotation is under way"
    await preferred.close()

    async def replaced() -> bool:
        live = {key.value for key in simulator.record.live_keys() if ".chat." in key.name}
        return len(live) == 4 and not live & before and live == await team.values()

    await eventually(replaced, 30, "all keys are replaced and the old ones revoked")
    assert await works(simulator, await team.value())
    assert condition_in(await provider_object(team), "Ready")["status"] == "True"


async def test_the_states_of_the_breakers_are_seen_and_the_base_url_follows_where_the_pool_asks(
    *, operator: Operator, team: Team, simulator: Simulator, preferred: Door, pools: tuple[str, str]
) -> None:
    async def shows(expected: list[str], follower: str) -> bool:
        numbers = [{"Closed": 0, "HalfOpen": 1, "Open": 2}[state] for state in expected]
        assert await states(team) == expected
        assert measured(operator, team, preferred, simulator) == numbers
        assert await base_urls(team, pools) == [preferred.url, follower]
        return True

    await eventually(lambda: shows(["Closed", "Closed"], preferred.url), 15)
    keys = await team.values(), await team.values("follower")
    await preferred.close()
    await team.annotate("chat", rotate="now")
    await eventually(lambda: shows(["Open", "Closed"], simulator.url), 30)
    assert "endpoint 2 of 2 in use" in await team.kubectl("get", "keyprovider", PROVIDER)
    moved = await team.told("EndpointFailover", PROVIDER)
    assert (moved["type"], simulator.url in moved["note"]) == ("Warning", True)
    await preferred.open()
    await eventually(lambda: shows(["Closed", "Closed"], preferred.url), 30)
    assert await team.values("follower") == keys[1], "no key of the follower was replaced"


async def test_a_pool_that_stops_following_gets_the_preferred_base_url_back(
    *, operator: Operator, team: Team, simulator: Simulator, preferred: Door, pools: tuple[str, str]
) -> None:
    await preferred.close()
    await team.annotate("chat", rotate="now")

    async def published(url: str) -> bool:
        return (await team.secret_data("follower"))["baseURL"] == url

    await eventually(lambda: published(simulator.url), 30)
    value = await team.value("follower")
    await team.patch("follower", secret={"followEndpoint": False})
    await eventually(lambda: published(preferred.url), 15)
    assert await team.value("follower") == value


async def test_a_follower_stays_where_it_is_over_a_restart_while_the_preferred_endpoint_is_down(
    *, operator: Operator, team: Team, simulator: Simulator, preferred: Door, pools: tuple[str, str]
) -> None:
    path = paths.secrets(team.namespace)
    await preferred.close()
    await team.annotate("chat", rotate="now")

    async def followed() -> bool:
        return (await team.secret_data("follower"))["baseURL"] == simulator.url

    await eventually(followed, 30)
    async with team.history(path, "follower") as versions:
        await operator.restart()
        await team.considered("follower")
    published = {base64.b64decode(version["data"]["baseURL"]).decode() for version in versions}
    assert published <= {simulator.url}, "not even for a moment"
    assert await followed()


async def test_an_endpoint_at_a_private_address_is_refused_where_the_administrator_does_not_allow_it(
    make_operator: OperatorMaker, team: Team, simulator: Simulator
) -> None:
    strict = make_operator("strict")
    strict.settings = strict.settings.model_copy(update={"allow_private_endpoints": ""})
    await strict.start()
    by_name = simulator.url.replace("127.0.0.1", "localhost")
    await team.apply(
        admin_secret(simulator, by_name),
        provider_manifest(by_name),
        pool_manifest(),
    )

    async def told() -> str:
        stalled = condition_in(await provider_object(team), "Stalled")
        return stalled.get("message", "") if stalled.get("reason") == "EndpointRefused" else ""

    said = await eventually(told, 15, "the provider is Stalled: EndpointRefused")
    assert "localhost is at a loopback address" in said
    assert "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS" in said
    await team.has("chat", "Stalled", "True", "ProviderNotReady")
    assert simulator.record.calls() == ()


@pytest.mark.usefixtures("operator")
async def test_the_api_server_is_no_provider_even_where_its_network_is_allowed(
    control_plane: Cluster, team: Team, simulator: Simulator
) -> None:
    await team.apply(admin_secret(simulator, control_plane.url), provider_manifest(control_plane.url))

    async def told() -> str:
        stalled = condition_in(await provider_object(team), "Stalled")
        return stalled.get("message", "") if stalled.get("reason") == "EndpointRefused" else ""

    said = await eventually(told, 15, "the provider is Stalled: EndpointRefused")
    assert "is at an address of the API server, which is never allowed" in said
