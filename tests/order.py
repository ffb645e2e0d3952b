"""In which order, and on which worker, tests run."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

GATEWAYS = ("litellm", "anyllm", "tests/contract/test_gateways.py", "tests/cluster/test_gateways_main_job.py")
"""A worker that runs one of these starts a database, and a gateway: 3 s and 160 MB, of LiteLLM 20 s and 800 MB."""
TOGETHER = (
    "tests/kubelet/",
    "tests/cluster/tenancy/",
    "tests/cluster/injection/",
    "tests/cluster/test_gitops.py",
    "tests/cluster/test_manifests.py",
    "tests/cluster/test_rbac.py",
    "tests/cluster/test_crd_refusals.py",
    "tests/cluster/test_nameless_user.py",
    "tests/e2e/test_lab.py",
    "tests/unit/test_packaging_image.py",
)
"""Tests that share what takes long to set up, such as a control plane of their own."""


def scope_of(nodeid: str) -> str:
    """Tests of one scope go to one worker."""
    if any(name in nodeid for name in GATEWAYS):
        return "gateways"
    return next((shared for shared in TOGETHER if nodeid.startswith(shared)), nodeid)


class Order(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Each worker takes the next test; those that share something costly all go to one, and begin before the others."""

    def _split_scope(self, nodeid: str) -> str:
        return scope_of(nodeid)

    def remove_node(self, node: Any) -> str | None:
        """A worker has ended, and the test that it was at has failed. xdist would begin it anew: a test that hangs, or
        ends its worker, would do so for ever."""
        units = self.assigned_work[node]
        begun = next((test for unit in units.values() for test, done in unit.items() if not done), None)
        for scope, unit in tuple(units.items()):
            if begun in unit:
                unit[begun] = True
            if all(unit.values()):
                del units[scope]
        super().remove_node(node)
        return begun


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Order:
    """Whatever --dist says. (xdist's own groups, of --dist=loadgroup, do nothing with pytest 9.2.)"""
    return Order(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that none is left alone at the end."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
