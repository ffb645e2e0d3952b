"""Fixtures of tests in which everything around the operator fails: those of tests/cluster, and a proxy in between."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from keypool_lab.controlplane import Cluster
from tests.cluster import conftest as cluster
from tests.cluster.rights import ACCOUNT
from tests.faults.bounded.proxy import Proxy

clock, logs, team = cluster.clock, cluster.logs, cluster.team
simulator, provider, system, ledgers = cluster.simulator, cluster.provider, cluster.system, cluster.ledgers
make_operator, operator = cluster.make_operator, cluster.operator


@pytest.fixture
async def proxy(control_plane: Cluster) -> AsyncIterator[Proxy]:
    """What the operator takes for the API server."""
    async with Proxy(control_plane) as running:
        yield running


@pytest.fixture
async def kubeconfig(control_plane: Cluster, system: str, proxy: Proxy) -> Path:
    """The operator's kubeconfig, which leads through the proxy."""
    return proxy.kubeconfig(await control_plane.kubeconfig_for(system, ACCOUNT))
