"""The operator is killed before and after every one of its effects: in the end all is as if it had not been."""

import asyncio
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection
from keypool_lab.controlplane import Cluster
from tests.cluster.team import Person
from tests.faults.crash_play import crash_runs, reference_run
from tests.faults.crash_scenarios import SCENARIOS, Scenario
from tests.faults.crashing import Point
from tests.faults.stage import stage

STAGES = 12
"""Crashes that are played at the same time: most of a crash is waiting for the dead leader's Lease to run out."""


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    connected = Person(await Connection.load(str(control_plane.admin_kubeconfig)))
    yield connected
    await connected.close()


@pytest.mark.long
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
async def test_a_crash_at_any_point_loses_no_key_and_leaves_none_behind(
    control_plane: Cluster, client: KubeClient, tmp_path: Path, scenario: Scenario
) -> None:
    async with AsyncExitStack() as opened:
        first, *others = [
            await opened.enter_async_context(stage(control_plane, client, tmp_path, names=scenario.names))
            for _ in range(STAGES)
        ]
        reference = await reference_run(first, scenario)
        points = reference.points()
        sys.stdout.write(reference.text(scenario.name))
        left = deque(points)
        missed: Counter[Point] = Counter()
        async with asyncio.TaskGroup() as group:
            for each in (first, *others):
                group.create_task(crash_runs(each, scenario, reference, left, missed))
