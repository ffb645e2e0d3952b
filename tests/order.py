"""In which order, and on which worker, tests run."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class Order(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Each worker takes the next test; those of LiteLLM, which takes 20 s to start and 800 MB, all go to one, and so do
    those that judge the one play on a kubelet."""

    def _split_scope(self, nodeid: str) -> str:
        return next((shared for shared in ("litellm", "tests/kubelet/") if shared in nodeid), nodeid)

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
