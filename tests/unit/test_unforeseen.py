"""What becomes of a pool when a pass over it fails in a way that nobody foresaw."""

from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.errors import KubeError, NotFound
from keypool.core.leadership import LeadershipLost
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.rules.deletion import DEADLINE
from keypool.reconcile import unforeseen
from keypool.reconcile.readings import FINALIZER
from keypool.reconcile.unforeseen import Unforeseen
from keypool.reconcile.world import World
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import NOW, a_key, a_ledger

CANARY = "sk-canary-0123456789"
Object = dict[str, Any]


class Api:
    """The API server as far as one pool goes: what was written, in order. `crd_going`: the kind is being deleted."""

    def __init__(self, pool: Object) -> None:
        self.pool, self.written, self.crd_going = pool, list[str](), False

    async def get(self, path: str) -> Object:
        """The pool, or its kind."""
        if "customresourcedefinitions" in path:
            return {"metadata": {"deletionTimestamp": "now"} if self.crd_going else {}}
        return self.pool

    async def replace(self, path: str, body: Object) -> Object:
        """The status."""
        self.written.append("status")
        return body

    async def patch(self, path: str, body: Object) -> Object:
        """The finalizers."""
        self.written.append(f"finalizers {body['metadata']['finalizers']}")
        return self.pool


class Handle:
    """A ledger whose writes are told, or fail."""

    def __init__(self, ledger: Ledger, api: Api) -> None:
        self.ledger, self._api, self.fails = ledger, api, False

    async def update(self, change: Callable[[Ledger], Ledger]) -> None:
        """Durable on return."""
        self.ledger = change(self.ledger)
        if self.fails:
            raise KubeError("the ledger: 503")
        self._api.written.append("ledger " + ",".join(key.state.value for key in self.ledger.keys))


class Play:
    """A pool that is being deleted, with keys in its ledger, and all that a failed pass touches."""

    def __init__(self, *keys: Any, policy: str | None = "Revoke", age: timedelta = timedelta(hours=1)) -> None:
        deleted = (NOW - age).isoformat()
        meta = {"uid": "uid", "namespace": "team", "name": "chat", "generation": 2, "resourceVersion": "7"}
        meta |= {"creationTimestamp": NOW.isoformat(), "deletionTimestamp": deleted, "finalizers": [FINALIZER]}
        spec = {"providerRef": {"name": "vendor"}, "deletionPolicy": policy}
        self.pool: Object = {"metadata": meta, "spec": {name: it for name, it in spec.items() if it is not None}}
        self.api = Api(self.pool)
        self.handle = Handle(a_ledger(*keys), self.api)
        self.metrics = Metrics()
        self.metrics.failing.begin()
        self.sight = Unforeseen(cast("World", self._world()))

    def _world(self) -> object:
        async def keep(uid: str) -> None:
            self.api.written.append(f"credential of {uid}")

        async def announce(*_: object) -> None:
            """To nobody."""

        return SimpleNamespace(
            now=lambda: NOW,
            random=lambda: 0.5,
            metrics=self.metrics,
            started_at=NOW,
            installation="i",
            client=self.api,
            cache=SimpleNamespace(pool=lambda _: self.pool, upsert=lambda *_: None),
            ledgers=SimpleNamespace(get=lambda _: self.handle, unreadable={}),
            installed=SimpleNamespace(changed=None),
            leadership=SimpleNamespace(epoch="epoch"),
            directory=SimpleNamespace(get=lambda _: None, keep=keep),
            announcer=SimpleNamespace(announce=announce),
        )

    async def fails(self, error: BaseException | None = None, sent: frozenset[str] = frozenset()) -> float:
        """Seconds until the next look."""
        return await self.sight.of_pool("uid", error or OverflowError(CANARY), sent)


async def test_after_its_deadline_a_pool_goes_once_its_debt_and_the_way_to_pay_it_are_durable() -> None:
    play = Play(a_key(0, KeyState.ACTIVE), a_key(1, KeyState.REVOKING), a_key(2, KeyState.HELD))
    await play.fails()
    assert play.api.written == ["status", "ledger owed,owed,owed", "credential of provider-1", "finalizers []"]


async def test_before_its_deadline_it_stays_and_is_looked_at_again_by_then() -> None:
    play = Play(a_key(), age=DEADLINE - timedelta(seconds=0.5))
    assert await play.fails() == 0.5
    assert play.api.written == ["status"]


async def test_revoke_and_wait_still_waits() -> None:
    play = Play(a_key(), policy="RevokeAndWait")
    await play.fails()
    assert play.api.written == ["status"]


async def test_what_a_ledger_remembers_counts_where_the_spec_says_nothing() -> None:
    play = Play(a_key(), policy=None)
    play.handle.ledger = play.handle.ledger.model_copy(update={"end": {"deletionPolicy": "RevokeAndWait"}})
    await play.fails()
    assert play.api.written == ["status"]


async def test_with_retain_nothing_is_owed_and_the_ledger_remembers_what_the_secrets_are_made_from() -> None:
    play = Play(a_key(0, KeyState.ACTIVE), policy="Retain")
    await play.fails()
    assert play.api.written == ["status", "ledger active", "finalizers []"]
    assert (play.handle.ledger.end or {})["deletionPolicy"] == "Retain"


@pytest.mark.parametrize("policy", ["Revoke", "RevokeAndWait"])
async def test_a_kind_that_is_being_deleted_means_retain(policy: str) -> None:
    play = Play(a_key(0, KeyState.ACTIVE), policy=policy)
    play.api.crd_going = True
    await play.fails()
    assert play.api.written == ["status", "ledger active", "finalizers []"]
    assert play.handle.ledger.retained


async def test_a_debt_that_cannot_be_written_keeps_the_pool() -> None:
    play = Play(a_key())
    play.handle.fails = True
    with pytest.raises(KubeError):
        await play.fails()
    assert play.api.written == ["status"]


async def test_also_where_planning_fails_the_ledger_names_all_keys_and_the_pool_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def overflow(*_: object) -> Any:
        raise OverflowError(CANARY)

    monkeypatch.setattr(unforeseen, "plan", overflow)
    play = Play(a_key(0, KeyState.ACTIVE))
    await play.fails()
    assert play.api.written == ["status", "ledger active", "credential of provider-1", "finalizers []"]


async def test_a_call_that_was_made_and_not_recorded_is_owed_too() -> None:
    made = a_key(0, KeyState.INTENDED, "made", epoch="epoch")
    play = Play(made)
    await play.fails(sent=frozenset({"made"}))
    assert [key.state for key in play.handle.ledger.keys] == [KeyState.OWED]


async def test_a_pool_of_somebody_else_by_the_same_name_keeps_its_finalizer() -> None:
    play = Play(a_key())
    play.api.pool = {"metadata": {**play.pool["metadata"], "uid": "another"}}
    await play.fails()
    assert not [each for each in play.api.written if each.startswith("finalizers")]


async def test_pauses_grow_until_a_look_goes_well() -> None:
    play = Play(a_key(), policy="RevokeAndWait")
    assert [await play.fails() for _ in range(10)] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]
    assert play.metrics.registry.get_sample_value("keypool_passes_failing", {"kind": "pool"}) == 1
    play.sight.over("uid", "pool")
    assert play.metrics.registry.get_sample_value("keypool_passes_failing", {"kind": "pool"}) == 0
    assert await play.fails() == 1


async def test_of_the_error_only_its_type_is_told(caplog: pytest.LogCaptureFixture) -> None:
    play = Play(a_key())
    await play.fails()
    logged = str([vars(record) for record in caplog.records])
    assert "OverflowError" in logged
    assert CANARY not in logged


@pytest.mark.parametrize("error", [LeadershipLost("over"), MemoryError()], ids=repr)
async def test_lost_leadership_and_a_lack_of_memory_pass(error: BaseException) -> None:
    play = Play(a_key())
    with pytest.raises(type(error)):
        await play.fails(error)
    assert play.api.written == []


async def test_a_pool_that_is_gone_is_only_tried_again() -> None:
    play = Play(a_key())
    world = cast("Any", play.sight)._world
    world.cache.pool = lambda _: None
    assert await play.fails() == 1
    assert play.api.written == []


async def test_a_report_that_finds_no_pool_stops_nothing() -> None:
    play = Play(a_key())

    async def gone(*_: object) -> Any:
        raise NotFound("gone")

    play.api.replace = gone  # type: ignore[method-assign, assignment]
    await play.fails()
    assert play.api.written[-1] == "finalizers []"
