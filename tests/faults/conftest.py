"""Fixtures of tests that disturb an operator in a process of its own, on the worker's cluster."""

import json
from collections.abc import AsyncIterator

import pytest

from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from tests.cluster.rights import rights, uninstall
from tests.cluster.team import Team


@pytest.fixture
async def team(control_plane: Cluster, namespace: str) -> AsyncIterator[Team]:
    """The people who work in the test's namespace."""
    client = await KubeClient.connect(str(control_plane.admin_kubeconfig))
    yield Team(control_plane, client, namespace)
    await client.close()


@pytest.fixture
async def system(control_plane: Cluster, namespace: str) -> AsyncIterator[str]:
    """The operator's own namespace, with its rights."""
    name = f"{namespace}-system"
    text = "\n---\n".join(map(json.dumps, rights(control_plane, name)))
    (await control_plane.kubectl("apply", "-f", "-", stdin=text)).checked()
    yield name
    uninstall(control_plane, name)
