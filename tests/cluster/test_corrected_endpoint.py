"""The endpoint of a provider that never worked is corrected in place; one that worked stays."""

from contextlib import suppress
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.cluster.errors import KubeError
from keypool_lab.simulator import Simulator
from tests.cluster.team import PROVIDER, Team, admin_secret, condition_in, pool_manifest, provider_manifest
from tests.waiting import eventually


@pytest.mark.usefixtures("operator")
async def test_an_endpoint_is_corrected_until_the_provider_was_reached(team: Team, simulator: Simulator) -> None:
    path, wrong = paths.provider(team.namespace, PROVIDER), simulator.url.replace("/v1", "/v9")
    await team.apply(admin_secret(simulator, wrong), provider_manifest(wrong), pool_manifest(size=1))

    async def says(status: str) -> Any:
        found = await team.client.get(path)
        return found if condition_in(found, "Ready").get("status") == status else None

    found = await eventually(lambda: says("False"), 30, "the provider does not answer there")
    assert "reached" not in found["status"]
    await team.client.patch(path, {"spec": {"endpoints": [{"url": simulator.url}]}})
    await team.ready()
    reached = await eventually(lambda: says("True"), 30, "the provider answers")
    assert reached["status"]["reached"] is True
    with pytest.raises(KubeError, match=r"spec\.endpoints: FieldValueInvalid"):
        await team.client.patch(path, {"spec": {"endpoints": [{"url": wrong}]}})


@pytest.mark.usefixtures("operator", "provider")
async def test_where_somebody_changed_the_status_and_the_endpoint_the_operator_keeps_the_old_one(
    team: Team, simulator: Simulator
) -> None:
    path, elsewhere = paths.provider(team.namespace, PROVIDER), (await simulator.open_door()).url
    await team.apply(admin_secret(simulator, simulator.url, elsewhere), pool_manifest(size=1))
    await team.ready()

    async def moved() -> Any:
        """The operator may put the status right in between."""
        with suppress(KubeError):
            await team.client.patch(paths.provider_status(team.namespace, PROVIDER), {"status": {"reached": None}})
            return await team.client.patch(path, {"spec": {"endpoints": [{"url": elsewhere}]}})
        return None

    async def is_told() -> Any:
        found = await team.client.get(path)
        return "the account was reached at" in str(found["status"]) and found

    await eventually(moved, 30, "the endpoint is changed")
    found = await eventually(is_told, 30, "the provider tells that it is not used")
    assert [endpoint["url"] for endpoint in found["status"]["endpoints"]] == [simulator.url]
    assert (await team.condition("chat", "Ready"))["status"] == "True"
