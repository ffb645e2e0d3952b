"""The manifests of the injection, installed once for each test worker."""

from collections.abc import Iterator

import pytest

from keypool_lab.controlplane import Cluster
from tests.cluster.injection.installing import Injection, injecting


@pytest.fixture(scope="session")
def injection(control_plane: Cluster) -> Iterator[Injection]:
    """The policies, in force in namespaces of the worker's own."""
    with injecting(control_plane) as found:
        yield found
