"""Fixtures that tests share: one cluster for each test worker, one namespace for each test."""

import contextlib
import os
import re
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection
from keypool.cluster.errors import NotFound
from keypool_lab.binaries import Binaries, find_or_build
from keypool_lab.controlplane import Cluster, CompletedRun, ControlPlane
from keypool_lab.controlplane.existing import existing_cluster
from tests.cluster.team import Person
from tests.docker import missing_docker

CRDS = Path(__file__).parent.parent / "crds"
CHOICE = os.environ.get("CLUSTER", "own")
NAME_LENGTH = 40
KEY_VALUE = re.compile(r"(?:sk-(hs|or-v1|svcacct|admin|example)-[\w-]+|\b(?:sk|gw)-[\w-]{16,})(\.{3}[\w-]+)?")
pytest_plugins = ["tests.gateways", "tests.leftovers", "tests.order"]
settings.register_profile("keypool", deadline=None)  # how long one example takes says how busy the machine is
settings.load_profile("keypool")

Kubectl = Callable[..., Awaitable[CompletedRun]]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs kind where it cannot run, and say what is missing."""
    if item.get_closest_marker("kind") is None:
        return
    if CHOICE != "kind":
        pytest.skip("runs on a kind cluster: set CLUSTER=kind")
    if missing := missing_docker():
        pytest.skip(missing)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Not even the keys of the test servers and gateways appear in what a failed test prints."""
    report = yield
    if report.failed:
        report.longrepr = KEY_VALUE.sub("(a key's value)", str(report.longrepr))
        report.sections = [(title, KEY_VALUE.sub("(a key's value)", text)) for title, text in report.sections]
    return report


@pytest.fixture(scope="session")
def binaries() -> Binaries:
    """The programs of a control plane."""
    return find_or_build()


@pytest.fixture(scope="session")
def control_plane(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster of this test worker, with the custom resources installed.

    It is a control plane of the worker's own, unless CLUSTER says `current` (the kubeconfig's context) or `kind`.
    """
    if CHOICE == "own":
        with ControlPlane.start(request.getfixturevalue("binaries"), CRDS) as plane:
            yield plane
    elif CHOICE in {"current", "kind"}:
        cluster = _existing(request, kind=CHOICE == "kind")
        cluster.install_crds(CRDS)
        yield cluster
    else:
        pytest.fail(
            f"CLUSTER={CHOICE!r}: known are current and kind; unset, each worker has a control plane of its own"
        )


@pytest.fixture(scope="session")
def own_control_plane(control_plane: Cluster) -> ControlPlane:
    """The same for tests that look behind the API server (`etcd_data`, `folder`); skipped on other clusters."""
    if not isinstance(control_plane, ControlPlane):
        pytest.skip(f"looks into a control plane of its own; CLUSTER={CHOICE}")
    return control_plane


@pytest.fixture
async def admin(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = Person(await Connection.load(str(control_plane.admin_kubeconfig)))
    yield client
    await client.close()


@pytest.fixture
def tidies(control_plane: Cluster) -> bool:
    """Whether namespaces and pools go at the end of a test. In a control plane of the worker's own they may stay, until
    it ends: to delete one namespace costs the API server a hundred requests, and most tests more than what they do."""
    return not isinstance(control_plane, ControlPlane)


@pytest.fixture
async def namespace(request: pytest.FixtureRequest, admin: KubeClient, *, tidies: bool) -> AsyncIterator[str]:
    """A fresh namespace named after the test; where it is deleted afterwards, nobody waits for that."""
    slug = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:NAME_LENGTH].strip("-")
    name = f"{slug}-{secrets.token_hex(3)}"
    await admin.create(paths.namespaces(), {"metadata": {"name": name}})
    yield name
    if tidies:
        with contextlib.suppress(NotFound):
            await admin.delete(paths.namespace(name))


@pytest.fixture
def kubectl(control_plane: Cluster, namespace: str) -> Kubectl:
    """`await kubectl("get", "pods")` runs kubectl as the administrator in the test's namespace."""

    async def run(*args: str, **options: Any) -> CompletedRun:
        return await control_plane.kubectl("--namespace", namespace, *args, **options)

    return run


def _existing(request: pytest.FixtureRequest, *, kind: bool) -> Cluster:
    if kind and (missing := missing_docker()):
        pytest.skip(missing)
    kubeconfig = request.getfixturevalue("kind_cluster").kubeconfig_path if kind else None
    folder = request.getfixturevalue("tmp_path_factory").mktemp("cluster")
    return existing_cluster(request.getfixturevalue("binaries").kubectl, folder, kubeconfig)
