"""Relays that share verdicts in a real server, and what becomes of requests when that server does not do its part.

Each test is named after a complaint about shared state that users of gateways have made.
"""

import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from keypool_client.relay.running import Running
from keypool_client.sharing import sharing
from keypool_client.sharing.outbox import MOST_WAITING
from keypool_client.sharing.redis import MOST_ANSWER, PREFIX
from keypool_lab.simulator import Simulator
from tests.relay.conftest import Create
from tests.relay.mounted import Mounted, document
from tests.relay.redis_server import RedisServer, program
from tests.relay.served import Served, relay
from tests.waiting import eventually

STREAM = f"{PREFIX}team-a/chat"
PASSWORD = "not-for-any-log-4711"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[RedisServer]:
    """Not started."""
    program()
    folder = tmp_path / "redis"
    folder.mkdir()
    made = RedisServer(folder)
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with the folder: not a second between two looks."""
    monkeypatch.setattr(sharing, "EVERY", 0.05)
    monkeypatch.setattr(sharing, "LONGEST_PAUSE", 0.2)


@pytest.fixture
async def keys(simulator: Simulator, create: Create, mounted: Mounted) -> dict[str, str]:
    """Two keys in the file; the first one is dead at the provider. Public id → value."""
    (first, one), (_, two) = await create(), await create()
    await simulator.change_key(first, "disable")
    values = {"chat-1": two, "chat-0": one}  # of equals the chance of these tests takes the second one
    mounted.put(document([simulator.url], values))
    return values


async def state(served: Served, key: str = "chat-0") -> str:
    page = json.loads((await served.ask("/_keypool", "GET")).body)
    return str(next(each["state"] for pool in page["state"] for each in pool["keys"] if each["id"] == key))


async def is_state(served: Served, wanted: str) -> bool:
    return await state(served) == wanted


async def connects(served: Served) -> bool:
    return "keypool_relay_share_connected 1.0" in await served.metrics()


async def is_alone(served: Served) -> bool:
    return "keypool_relay_share_connected 0.0" in await served.metrics() and _sharing(served.running).connected is False


def _sharing(running: Running) -> sharing.Sharing:
    assert running.sharing is not None
    return running.sharing


async def condemns(served: Served) -> bool:
    """Asks, until the dead key was met."""
    assert (await served.ask()).status == 200
    return await state(served) == "condemned"


async def tried_the_dead_key(served: Served) -> bool:
    return 'class="credential",key_id="chat-0"' in await served.metrics()


def entry(**more: Any) -> bytes:
    """One that counts, but for what is changed. Times are in seconds from the year 1970 on, as the store has them."""
    told = {"about": "key", "account": "one", "name": "chat-0", "model": "", "since": 0, "until": 0}
    return json.dumps(told | more).encode()


async def ms(server: RedisServer) -> int:
    seconds, _ = await server.ask("TIME")
    return int(seconds) * 1000


async def test_a_sibling_does_not_try_the_key_that_another_relay_found_dead(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Siblings saw a cool-down ten seconds late. (Here within the second between two readings.)"""
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: condemns(one))
        await eventually(lambda: is_state(two, "avoided"))
        told = [await two.ask() for _ in range(10)]
        assert {(each.status, each.headers["x-keypool-attempts"]) for each in told} == {(200, "1")}
        assert {each.headers["x-keypool-key-id"] for each in told} == {"chat-1"}
        assert not await tried_the_dead_key(two)
        async with relay(mounted.path, share=server.url) as late:
            await eventually(lambda: is_state(late, "avoided"), what="a relay that starts later hears it too")
    left = await server.ask("XRANGE", STREAM, "-", "+")
    assert not any(value.encode() in repr(left).encode() for value in keys.values())


async def test_a_second_cool_down_does_not_shorten_the_first(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start()
    now = await ms(server)
    async with relay(mounted.path, share=server.url) as served:
        for seconds in (600, 1, 300):
            text = entry(since=now, until=now + seconds * 1000)
            await server.ask("XADD", STREAM, "*", "v", text)
            heard = _sharing(served.running).heard
            await eventually(lambda heard=heard: _heard_more(served, heard))  # type: ignore[misc]
            (view,) = served.running.chooser.view(time.monotonic())
            left = {key.id: key.returns_in for key in view.keys}["chat-0"]
            assert left is not None
            assert left > 300 + 60, "the first end is no longer the end"


async def _heard_more(served: Served, before: int) -> bool:
    return _sharing(served.running).heard > before


async def test_a_verdict_has_one_end_and_the_store_keeps_it_until_then(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Two times to live, of which the shorter one won."""
    await server.start()
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: condemns(served))
        await eventually(lambda: server.ask("EXISTS", STREAM))
        ((_, fields),) = await server.ask("XRANGE", STREAM, "-", "+")
        told = json.loads(fields[b"v"])
        assert told["until"] - told["since"] == pytest.approx(35_000, abs=50)
        assert await server.ask("PTTL", STREAM) > 60_000


async def test_only_conclusions_are_shared_no_counter_and_no_budget(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Budgets multiplied by the number of replicas. Here each relay has its own, a share of its own requests."""
    await server.start()
    async with relay(mounted.path, share=server.url) as served:
        for _ in range(20):
            await served.ask()
        await eventually(lambda: condemns(served))
        await eventually(lambda: server.ask("EXISTS", STREAM))
    assert await server.ask("KEYS", "*") == [STREAM.encode()]
    entries = await server.ask("XRANGE", STREAM, "-", "+")
    assert len(entries) <= 2
    for _, fields in entries:
        assert json.loads(fields[b"v"]).keys() == {"about", "account", "name", "model", "since", "until"}


async def test_a_store_that_is_away_at_the_start_is_joined_when_it_comes(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Redis was asked once, at boot; a pod stayed alone for life."""
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: is_alone(one))
        await eventually(lambda: condemns(one))
        await server.start()
        await eventually(lambda: connects(one))
        await eventually(lambda: is_state(two, "avoided"), what="what was concluded meanwhile is told")
        assert not await tried_the_dead_key(two)


async def test_without_a_store_what_waits_is_bounded_and_the_oldest_is_dropped(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    """Without Redis a queue grew until the pod was killed."""
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: condemns(served))
        mine = _sharing(served.running)
        (told,) = mine.outbox.take()
        for number in range(10 * MOST_WAITING):
            mine.outbox.put(type(told)(**{f: getattr(told, f) for f in told.__slots__} | {"name": f"k{number}"}))
        assert len(mine.outbox) == MOST_WAITING
        assert mine.outbox.dropped == 9 * MOST_WAITING
        assert (await served.ask()).status == 200


async def test_a_store_that_hangs_makes_no_request_wait(
    server: RedisServer, mounted: Mounted, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis doubled the slowest hundredth. The store answers nothing here, for as long as requests are answered."""
    monkeypatch.setattr(sharing, "ROUND_SECONDS", 3600.0)
    await server.start()
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: connects(served))
        server.freeze()
        try:
            told = [await served.ask() for _ in range(20)]
            assert await condemns(served)
        finally:
            server.thaw()
        assert {each.status for each in told} == {200}


async def test_a_store_that_hangs_is_given_up_and_found_again(
    server: RedisServer, mounted: Mounted, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "ROUND_SECONDS", 0.2)
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(one))
        server.freeze()
        try:
            await eventually(lambda: is_alone(one))
            await eventually(lambda: condemns(one))
        finally:
            server.thaw()
        monkeypatch.setattr(sharing, "ROUND_SECONDS", 5.0)
        await eventually(lambda: is_state(two, "avoided"))


async def test_a_store_that_is_killed_and_comes_back_empty_costs_nothing_but_sharing(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(two))
        await server.stop()
        await eventually(lambda: is_alone(two))
        assert {(await two.ask()).status for _ in range(5)} == {200}
        await server.start()
        await eventually(lambda: connects(two))
        await eventually(lambda: condemns(one))
        now = await ms(server)
        await server.ask("XADD", STREAM, "*", "v", entry(name="chat-1", since=now, until=now + 9000))
        await eventually(lambda: is_state_of(two, "chat-1", "avoided"))


async def is_state_of(served: Served, key: str, wanted: str) -> bool:
    return await state(served, key) == wanted


async def test_a_store_that_is_wiped_is_used_on(server: RedisServer, mounted: Mounted, keys: dict[str, str]) -> None:
    await server.start()
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: connects(two))
        now = await ms(server)
        await server.ask("XADD", STREAM, "*", "v", entry(name="chat-1", since=now, until=now + 90_000))
        await eventually(lambda: is_state_of(two, "chat-1", "avoided"))
        await server.ask("FLUSHALL")
        assert (await two.ask()).status == 200
        await eventually(lambda: condemns(one))
        await eventually(lambda: server.ask("EXISTS", STREAM))


async def test_a_full_store_is_read_on_and_told_what_it_refused_when_it_has_room(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start("--maxmemory", "1kb", "--maxmemory-policy", "noeviction")
    async with relay(mounted.path, share=server.url) as one, relay(mounted.path, share=server.url) as two:
        await eventually(lambda: condemns(one))
        await eventually(lambda: _refused(one))
        assert await connects(one)
        assert (await one.ask()).status == 200
        await server.ask("CONFIG", "SET", "maxmemory", "0")
        await eventually(lambda: _told(one))
        if await state(two) == "ready":
            await eventually(lambda: is_state(two, "avoided"))


async def _refused(served: Served) -> bool:
    return _sharing(served.running).refused > 0


async def _told(served: Served) -> bool:
    return _sharing(served.running).told > 0


async def test_where_all_keys_are_said_to_be_dead_every_request_is_answered_at_its_first_attempt(
    server: RedisServer, simulator: Simulator, create: Create, mounted: Mounted
) -> None:
    """Whoever can write to the store steers; he condemns nothing."""
    (_, one), (_, two) = await create(), await create()
    mounted.put(document([simulator.url], {"chat-0": one, "chat-1": two}))
    await server.start()
    now = await ms(server)
    for name in ("chat-0", "chat-1"):
        for about in ("key", "credit", "rate"):
            model = "m" if about == "rate" else ""
            text = entry(about=about, name=name, model=model, since=now + 1500, until=now + 800_000)
            await server.ask("XADD", STREAM, "*", "v", text)
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: is_state(served, "avoided"))
        told = [await served.ask() for _ in range(10)]
    assert {(each.status, each.headers["x-keypool-attempts"]) for each in told} == {(200, "1")}


async def test_what_is_no_verdict_is_ignored_and_counted(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start()
    now = await ms(server)
    good = {"since": now, "until": now + 60_000}
    wrong = {
        "malformed": [
            b"",
            b"[" * 1000,
            b"\xff",
            b"1" * 1000,
            b"x" * 2000,
            entry(**good, more=1),
            entry(**{**good, "about": "budget"}),
            entry(**{**good, "name": ["chat-0"]}),
            entry(**{**good, "model": "a b"}),
            entry(**{**good, "until": 10**15}),
            entry(**{**good, "until": -1}),
            entry(**{**good, "until": True}),
            entry(**{**good, "until": 1.5}),
        ],
        "too_far": [
            entry(since=now, until=now + 3_600_000),
            entry(since=now + 600_000, until=now + 700_000),
        ],
        "unknown": [entry(**good, name="chat-9"), entry(**good, account="x")],
    }
    for each in (text for texts in wrong.values() for text in texts):
        await server.ask("XADD", STREAM, "*", "v", each)
    await server.ask("XADD", STREAM, "9" * 14 + "-1", "no", "v")
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: connects(served))
        text = await served.metrics()
        assert await state(served) == "ready"
        await server.ask("XADD", STREAM, "*", "v", entry(**good))
        await eventually(lambda: is_state(served, "avoided"), what="one from the future hides nothing")
    counts = {why: len(texts) + (why == "malformed") for why, texts in wrong.items()}
    for why, number in counts.items():
        assert f'keypool_relay_share_ignored_total{{why="{why}"}} {float(number)}' in text


async def test_an_answer_without_bounds_is_not_read_and_what_comes_later_is(
    server: RedisServer, mounted: Mounted, keys: dict[str, str]
) -> None:
    await server.start()
    await server.ask("XADD", STREAM, "*", "v", b"x" * (4 * MOST_ANSWER))
    async with relay(mounted.path, share=server.url) as served:
        await eventually(lambda: _passed_over(served))
        await eventually(lambda: connects(served))
        now = await ms(server)
        await server.ask("XADD", STREAM, "*", "v", entry(since=now, until=now + 60_000))
        await eventually(lambda: is_state(served, "avoided"))


async def _passed_over(served: Served) -> bool:
    return _sharing(served.running).ignored["too_large"] > 0


async def test_a_user_with_the_documented_rights_is_enough_and_its_password_is_nowhere(
    server: RedisServer, mounted: Mounted, keys: dict[str, str], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rights = "reset on ~keypool:verdicts:1:team-a/* +time +select +xadd +xrevrange +pexpire"
    page = (Path(__file__).parents[2] / "docs" / "sharing-verdicts.md").read_text()
    assert rights in page
    await server.start()
    await server.ask("ACL", "SETUSER", "team-a", *rights.split(), f">{PASSWORD}")
    file = tmp_path / "password"
    file.write_text("wrong\n")
    url = server.url.replace("://", "://team-a@") + "/1"
    async with relay(mounted.path, share=url, share_password_file=str(file)) as served:
        await eventually(lambda: is_alone(served))
        file.write_text(f"{PASSWORD}\n")
        await eventually(lambda: connects(served), what="a password that was changed is read again")
        await eventually(lambda: condemns(served))
        await eventually(lambda: _told(served))
        file.unlink()
        shown = repr(served.running._settings) + (await served.ask("/_keypool", "GET")).body.decode()
    assert PASSWORD not in caplog.text + shown
    assert "AuthenticationError" in caplog.text
