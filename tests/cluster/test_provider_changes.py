"""Whoever edits a provider object, or a status, in a loop costs few calls and writes, and no pool suffers."""

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from keypool.cluster import paths
from keypool.reconcile.changes import AT_ONCE, EVERY
from keypool.reconcile.memory import AT_ONCE as WRITTEN_AT_ONCE
from keypool_lab.simulator import Simulator
from tests.cluster.team import PROVIDER, Team, condition_in, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")


@pytest.mark.usefixtures("operator")
async def test_edits_of_a_provider_are_tried_at_a_pace_and_told_and_its_pool_stays_ready(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    before, begun = len(simulator.record.calls("list")), time.monotonic()
    path = paths.provider(team.namespace, PROVIDER)
    numbers = iter(range(10_000))

    async def paced() -> bool:
        number = next(numbers)
        spec: dict[str, Any] = {"exclusiveAccount": number % 2 == 0, "holySheep": {"listsNames": number % 4 < 2}}
        return (
            condition_in(await team.client.patch(path, {"spec": spec}), "Reconciling").get("reason") == "ChangesPaced"
        )

    await eventually(paced, 30, "edits are not all tried")
    assert len(simulator.record.calls("list")) - before <= AT_ONCE + (time.monotonic() - begun) / EVERY + 2
    assert (await team.condition("chat", "Ready"))["status"] == "True"


@pytest.mark.usefixtures("operator")
async def test_a_provider_whose_credential_is_refused_is_not_called_ready_because_its_changes_are_paced(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    path = paths.provider(team.namespace, PROVIDER)
    await simulator.set_admin_key("another-admin-key")
    told = list[str]()

    async def paced() -> bool:
        spec: dict[str, Any] = {"exclusiveAccount": len(told) % 2 == 0, "holySheep": {"listsNames": len(told) % 4 < 2}}
        found = await team.client.patch(path, {"spec": spec})
        told.append(condition_in(found, "Ready").get("status", ""))
        return "ChangesPaced" in str(found["status"]["conditions"])

    await eventually(refused(team), 30, "the credential is refused")
    await eventually(paced, 30, "edits are not all tried")
    assert condition_in(await team.client.get(path), "Ready")["status"] == "False"


def refused(team: Team) -> Callable[[], Awaitable[bool]]:
    """Whether the provider object says that the credential in use is refused."""

    async def is_so() -> bool:
        await team.poke()
        found = await team.client.get(paths.provider(team.namespace, PROVIDER))
        return condition_in(found, "Ready").get("reason") == "CredentialRejected"

    return is_so


@pytest.mark.usefixtures("operator")
async def test_a_status_that_somebody_writes_in_a_loop_is_written_back_and_after_a_few_times_with_pauses(
    team: Team,
) -> None:
    await team.apply(pool_manifest())
    await team.ready()
    for number in range(WRITTEN_AT_ONCE):
        await written_back(team, f"edit {number}")
    begun = time.monotonic()
    for number in range(2):
        await written_back(team, f"another edit {number}")
    assert time.monotonic() - begun >= 2.5, "pauses of one second and of two"


async def written_back(team: Team, text: str) -> None:
    """Somebody edits the status, and the operator mends it."""
    await team.client.patch(paths.pool_status(team.namespace, "chat"), {"status": {"nextAction": text}})
    await team.until("chat", lambda pool: pool["status"].get("nextAction") != text, 70, "it is written back")
