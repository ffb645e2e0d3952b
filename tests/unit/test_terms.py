"""A replica's terms as leader: how one begins, and when it ends before it has begun."""

import asyncio
import io
import time
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from keypool import app
from keypool.app import Replica
from keypool.cluster.errors import Unavailable
from keypool.health import Patience
from keypool.serve.audit import AuditLog
from keypool.settings import Settings
from keypool.watch.liveness import Liveness
from tests.waiting import eventually, within


class Elector:
    """Leads as soon as it may."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.is_leader, self.released = False, 0

    async def acquire(self) -> None:
        """Waits for it."""
        await self.free.wait()
        self.is_leader = True

    async def hold(self) -> None:
        """For ever."""
        await asyncio.Event().wait()

    async def release(self) -> None:
        """Counts."""
        self.is_leader, self.released = False, self.released + 1

    def must_lead(self) -> float:
        """It does."""
        return 10.0

    epoch = "one/1"

    def attempt_age(self) -> float:
        """Just now."""
        return 0.0

    answer_age = attempt_age


class Stage:
    """One replica whose cluster, duties and proofs are replaced. `blind_for`: what its leader began with."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, patience: Patience) -> None:
        self.waited, self.elector, self.failures, self.attempts = 0.0, Elector(), 0, 0
        self.blind_for: list[float] = []
        self.stop = asyncio.Event()
        monkeypatch.setattr(app, "Liveness", partial(Liveness, clock=lambda: time.monotonic() + self.waited))
        monkeypatch.setattr(app, "Leadership", lambda *_, **__: self.elector)
        monkeypatch.setattr(app, "KubeClient", SimpleNamespace(connect=self._connect))
        monkeypatch.setattr(app, "Rehearsal", lambda *_: SimpleNamespace(run=self._nothing, missing=list, notes=list))
        monkeypatch.setattr(app, "WritesHeld", lambda *_: SimpleNamespace(run=self._nothing, held=None))
        monkeypatch.setattr(app, "assemble", self._assemble)
        monkeypatch.setattr(app, "Leader", self._leader)
        monkeypatch.setattr(app, "FIRST_PAUSE", 0.01)
        settings = Settings(http_port=0)
        self.replica = Replica(settings, AuditLog(io.StringIO()), connect=self._connect, patience=patience)

    async def _connect(self, *_: object, **__: object) -> Any:
        return SimpleNamespace(close=self._nothing)

    async def _nothing(self, *_: object) -> None:
        return None

    async def _assemble(self, *_: object) -> tuple[Any, Any]:
        self.attempts += 1
        if self.attempts <= self.failures:
            raise Unavailable("list secrets", 503, "ServiceUnavailable", maybe_done=False)
        closes = SimpleNamespace(close=self._nothing)
        world = SimpleNamespace(ledgers=None, budgets=closes, directory=closes)
        return world, SimpleNamespace(run=self._nothing)

    def _leader(self, _settings: object, _world: object, _queue: object, liveness: Liveness, _blind: float) -> Any:
        self.blind_for.append(liveness.blind_for())

        async def run(stop: asyncio.Event, *_: object) -> None:
            await stop.wait()

        return SimpleNamespace(run=run)


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch, Patience(blind=300.0, pause=3600.0))


async def test_what_a_standby_did_not_see_while_it_waited_counts_for_nothing_when_it_leads(stage: Stage) -> None:
    """Else it would give the Lease up in the moment in which it gets it."""
    running = asyncio.create_task(stage.replica.run(stage.stop))
    await eventually(lambda: _is(stage.replica.leadership), what="it waits for the Lease")
    stage.waited = 4 * 3600.0
    stage.elector.free.set()
    await eventually(lambda: _is(stage.blind_for), what="it leads")
    assert stage.blind_for[0] < 60
    assert stage.replica.health.not_alive() == []
    stage.stop.set()
    await running


async def test_a_moment_in_which_the_records_cannot_be_read_does_not_cost_the_lease(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    stage.failures = 2
    stage.elector.free.set()
    running = asyncio.create_task(stage.replica.run(stage.stop))
    await eventually(lambda: _is(stage.blind_for), what="it leads")
    assert (stage.attempts, stage.elector.released) == (3, 0)
    assert "records could not be read: " in caplog.text
    stage.stop.set()
    await running


async def test_records_that_stay_unreadable_are_left_to_another_replica(stage: Stage) -> None:
    stage.failures = 10_000
    stage.elector.free.set()
    running = asyncio.create_task(stage.replica.run(stage.stop))
    await eventually(lambda: _is(stage.attempts > 2), what="it tries again")
    assert stage.elector.released == 0
    stage.waited = 301.0
    await eventually(lambda: _is(stage.elector.released), what="it gives the Lease up")
    (said,) = stage.replica.not_ready()
    assert said.startswith("gave the Lease up: the operator's own records could not be read: ")
    assert stage.replica.health.not_alive() == []
    stage.stop.set()
    await running


async def test_a_replica_that_cannot_read_its_records_ends_when_it_is_told_to(stage: Stage) -> None:
    stage.failures = 10_000
    stage.elector.free.set()
    running = asyncio.create_task(stage.replica.run(stage.stop))
    await eventually(lambda: _is(stage.attempts > 2), what="it tries again")
    stage.stop.set()
    await within(running, 60)
    assert stage.elector.released == 1


async def _is(value: object) -> bool:
    return bool(value)
