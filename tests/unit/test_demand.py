"""What an account's pools need of its request budget is counted as they change: no look goes through all of them."""

from collections.abc import Mapping
from typing import Any

import pytest

from keypool.api.provider_budget import RequestBudget
from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.changed import Changed
from keypool.core.reasons import Reason
from keypool.reconcile.demand import Demand
from keypool.reconcile.readings import pool_facts

PLACE = ("", "gateway")
QUOTA = RequestBudget(per_day=5000)


class Scene:
    """Pools of a ClusterKeyProvider, and how many specs were read."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cache, self.demand, self.read, self._version = ObjectCache(lambda _: ()), Demand(), 0, 0

        def counted(obj: Mapping[str, Any]) -> Any:
            self.read += 1
            return pool_facts(obj)

        monkeypatch.setattr("keypool.reconcile.demand.pool_facts", counted)

    def put(self, number: int, provider: str = "gateway", every: str = "5m") -> dict[str, Any]:
        """One is made, or changed."""
        self._version += 1
        meta = {"namespace": "team", "name": f"p-{number}", "uid": f"u-{number}", "generation": self._version}
        meta |= {"resourceVersion": str(self._version), "creationTimestamp": "2030-01-01T00:00:00Z"}
        ref = {"kind": "ClusterKeyProvider", "name": provider}
        obj = {"metadata": meta, "spec": {"providerRef": ref, "health": {"probeEvery": every}}}
        self.cache.upsert(Kind.POOL, obj)
        return obj

    def fits(self, quota: RequestBudget | None = QUOTA, fresh: bool = False) -> bool:
        """Whether the schedule fits: as it was counted so far, or `fresh`."""
        found = (Demand() if fresh else self.demand).problem(self.cache, PLACE, quota, None)
        assert found is None or found.reason is Reason.SCHEDULE_EXCEEDS_BUDGET
        return found is None


def test_a_look_reads_the_specs_of_pools_that_changed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    for number in range(100):
        scene.put(number, every="24h")
    assert scene.fits()
    assert scene.read == 100
    for _ in range(50):
        assert scene.fits()
    assert scene.read == 100
    scene.put(7, every="24h")
    scene.put(100, every="24h")
    assert scene.fits()
    assert scene.read == 102


def test_what_comes_changes_moves_and_goes_counts_as_if_it_were_counted_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene(monkeypatch)
    for number in range(5):
        scene.put(number)
    assert scene.fits()
    fifteen = [scene.put(number) for number in range(5, 20)]
    assert not scene.fits()
    for obj in fifteen[:8]:
        scene.put(int(obj["metadata"]["name"].partition("-")[2]), provider="another")
    for obj in fifteen[8:]:
        scene.cache.remove_uid(Kind.POOL, obj["metadata"]["uid"], 1000)
    assert scene.fits()
    assert scene.fits(fresh=True)
    assert scene.fits(quota=None)
    for number in range(20, 40):
        scene.put(number)
    assert not scene.fits(), "also what came while there was no budget"


def test_of_more_places_than_are_followed_the_one_that_was_not_taken_for_longest_is_given_up() -> None:
    changed = Changed(most=2)
    assert changed.take(("", "a")) is None
    changed.note(("", "a"), "u")
    changed.note(("", "nobody asks"), "u")
    assert changed.take(("", "a")) == {"u"}
    assert changed.take(("", "b")) is None
    assert changed.take(("", "a")) == set()
    assert changed.take(("", "c")) is None
    assert changed.take(("", "b")) is None


def test_of_a_provider_that_nobody_asks_for_any_more_not_more_than_so_many_pools_are_noted() -> None:
    changed = Changed(most=3)
    changed.take(("shop", "vendor"))
    for number in range(3):
        changed.note(("shop", "vendor"), f"pool-{number}")
    assert changed.take(("shop", "vendor")) == {"pool-0", "pool-1", "pool-2"}
    for number in range(4):
        changed.note(("shop", "vendor"), f"pool-{number}")
    assert changed.take(("shop", "vendor")) is None, "all may have changed"
