"""A leader sends nothing that could outlast its Lease, and nothing at all when the Lease is over."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import ValidationError

from keypool.__main__ import main
from keypool.cluster.client import KubeClient
from keypool.cluster.election import Timing
from keypool.cluster.errors import Unavailable
from keypool.cluster.lease import Leadership, LeadershipLost
from keypool.core.deadlines import CREATE_CALL, OTHER_CALL
from keypool.providers.transport import Deadlines
from keypool.settings import Settings
from tests.unit.test_kube_client_faults import kubeconfig
from tests.waiting import eventually

WRITES: Any = {
    "create": lambda client: client.create("/api/v1/x", {}),
    "replace": lambda client: client.replace("/api/v1/x/a", {}),
    "patch": lambda client: client.patch("/api/v1/x/a", {}),
    "apply": lambda client: client.apply("/api/v1/x/a", {}),
    "delete": lambda client: client.delete("/api/v1/x/a"),
}


class Elector(Leadership):
    """A leadership whose Lease was renewed at 0 and is renewed again when its clock comes to `next_renewal`."""

    def __init__(self, next_renewal: float = 1e9) -> None:
        self.time, self.next_renewal = 0.0, next_renewal
        nothing = cast("KubeClient", None)
        super().__init__(nothing, "system", "keypool", "us", timing=Timing(5, 4, 0.05), clock=self.tick)
        self._renewed = 0.0

    def tick(self) -> float:
        """Each look at the clock takes a moment."""
        self.time += 0.01
        if self.time >= self.next_renewal:
            self._renewed = self.next_renewal
        return self.time


@pytest.fixture
async def seen() -> list[str]:
    """What arrived at the server."""
    return []


@pytest.fixture
async def busy() -> asyncio.Event:
    """Set when the server may answer `/busy`."""
    return asyncio.Event()


@pytest.fixture
async def url(seen: list[str], busy: asyncio.Event) -> AsyncIterator[str]:
    """Of a server that answers everything with {} and a Date; `/busy` only when the event is set."""

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.method)
        if request.path == "/busy":
            await busy.wait()
        return web.json_response({}, headers={"Date": "Tue, 24 Nov 2026 09:00:00 GMT"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    busy.set()
    await runner.cleanup()


@pytest.fixture
async def client(url: str, tmp_path: Path) -> AsyncIterator[KubeClient]:
    """A client of that server with one connection."""
    one = await KubeClient.connect(kubeconfig(tmp_path / "kubeconfig", url, "token"), connections=1)
    yield one
    await one.close()


@pytest.mark.parametrize("verb", WRITES)
async def test_no_write_is_sent_when_the_lease_is_over(client: KubeClient, seen: list[str], verb: str) -> None:
    elector = Elector()
    client.time_for_writes = elector.must_lead
    await WRITES[verb](client)
    elector.time = 5.0
    with pytest.raises(LeadershipLost):
        await WRITES[verb](client)
    assert len(seen) == 1
    await client.get("/api/v1/x")
    assert len(seen) == 2, "reading is harmless"


@pytest.mark.parametrize("verb", WRITES)
async def test_a_write_that_waited_for_a_connection_is_not_sent_when_the_lease_is_over_meanwhile(
    client: KubeClient, seen: list[str], busy: asyncio.Event, verb: str
) -> None:
    asked: list[str] = []
    elector = Elector()

    def begun() -> float:
        asked.append(verb)
        return elector.must_lead()

    client.time_for_writes = begun
    reading = asyncio.create_task(client.get("/busy"))
    await eventually(lambda: asyncio.sleep(0, seen), 5, "the only connection is busy")
    writing = asyncio.create_task(WRITES[verb](client))
    await eventually(lambda: asyncio.sleep(0, asked), 5, "the write was begun")
    elector.time = 5.0
    busy.set()
    with pytest.raises(LeadershipLost):
        await writing
    await reading
    assert seen == ["GET"]


async def test_a_connection_serves_the_next_request_after_a_write_that_was_held_back(
    client: KubeClient, seen: list[str]
) -> None:
    elector = Elector()
    client.time_for_writes = elector.must_lead
    await client.create("/api/v1/x", {})
    elector.time = 4.0 - 0.015  # of two looks at the clock only the first is in time
    with pytest.raises(LeadershipLost):
        await client.create("/api/v1/x", {})
    await client.get("/api/v1/x")
    assert seen == ["POST", "GET"]


async def test_a_write_that_cannot_be_sent_before_the_lease_is_over_is_given_up(
    client: KubeClient, seen: list[str]
) -> None:
    """It may wait for a connection; a process that was paused meanwhile must not send it on waking up."""
    client.time_for_writes = lambda: 1e-9
    with pytest.raises(Unavailable):
        await client.create("/api/v1/x", {})
    assert seen == []


async def test_the_date_of_each_answer_is_told_with_the_time_that_it_took(client: KubeClient) -> None:
    told: list[tuple[str, float]] = []
    client.on_date = lambda header, seconds: told.append((header, seconds))
    await client.get("/api/v1/x")
    assert told[0][0] == "Tue, 24 Nov 2026 09:00:00 GMT"
    assert 0 < told[0][1] < 10


async def test_a_call_begins_at_once_while_more_leadership_is_left_than_it_takes() -> None:
    assert await Elector().enough(3.5)


async def test_a_call_that_would_not_fit_waits_for_the_next_renewal() -> None:
    elector = Elector(next_renewal=1.05)
    elector.time = 1.0
    assert await elector.enough(3.5)


async def test_a_call_is_put_off_when_no_renewal_comes() -> None:
    elector = Elector()
    elector.time = 1.0
    assert not await elector.enough(3.5)


def test_the_timings_of_production_leave_room_for_the_longest_calls() -> None:
    given = Settings(kubeconfig=None)
    assert given.timing == Timing()
    assert Deadlines().within(given.timing.longest_call) == Deadlines()
    assert Deadlines() == Deadlines(CREATE_CALL.total_seconds(), OTHER_CALL.total_seconds())


def test_a_short_lease_shortens_the_calls() -> None:
    given = Settings(lease_duration=4, lease_renew_deadline=3, lease_retry=0.5)
    assert Deadlines().within(given.timing.longest_call) == Deadlines(2.0, 2.0)


@pytest.mark.parametrize(
    ("timings", "says"),
    [
        ({"lease_renew_deadline": 2.4}, "KEYPOOL_LEASE_RENEW_DEADLINE less twice KEYPOOL_LEASE_RETRY"),
        ({"lease_duration": 12}, "KEYPOOL_LEASE_DURATION must be longer than KEYPOOL_LEASE_RENEW_DEADLINE"),
    ],
)
def test_timings_that_leave_no_time_for_a_call_are_refused(timings: Any, says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings(**timings)


def test_wrong_settings_end_the_process_with_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["keypool"])
    monkeypatch.setenv("KEYPOOL_LEASE_DURATION", "10")
    assert main() == 2
    assert "KEYPOOL_LEASE_DURATION must be longer than KEYPOOL_LEASE_RENEW_DEADLINE" in capsys.readouterr().err
    monkeypatch.setenv("KEYPOOL_LEASE_DURATION", "canary")
    assert main() == 2
    error = capsys.readouterr().err
    assert "KEYPOOL_LEASE_DURATION" in error
    assert "canary" not in error
