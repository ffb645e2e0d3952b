"""Relays that share verdicts in a real server, and what they believe of what they find there."""

import json
import logging
import time
from pathlib import Path

import pytest

from keypool_client.sharing.redis import MOST_ANSWER
from keypool_lab.simulator import Simulator
from tests.contract.certificates import authority, server_context
from tests.relay.mounted import Create, Mounted, document
from tests.relay.redis_server import RedisServer, program
from tests.relay.served import relay
from tests.relay.sharing import (
    STREAM,
    condemns,
    connects,
    entry,
    has_told,
    heard_more,
    is_alone,
    is_state,
    ms,
    passed_over,
    sharing_of,
    state,
    tried_the_dead_key,
)
from tests.waiting import eventually

PASSWORD = "not-for-any-log-4711"


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
        for seconds in (600, 200, 300):
            heard, text = sharing_of(served.running).heard, entry(since=now, until=now + seconds * 1000)
            await server.ask("XADD", STREAM, "*", "v", text)
            await eventually(lambda heard=heard: heard_more(served, heard))  # type: ignore[misc]
            (view,) = served.running.chooser.view(time.monotonic())
            left = {key.id: key.returns_in for key in view.keys}["chat-0"]
            assert left is not None
            assert left > 300 + 60, "the first end is no longer the end"


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
        assert 604_990 <= told["until"] - told["since"] <= 605_010
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
    good = {"since": now, "until": now + 600_000}
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
        await eventually(lambda: passed_over(served))
        await eventually(lambda: connects(served))
        now = await ms(server)
        await server.ask("XADD", STREAM, "*", "v", entry(since=now, until=now + 600_000))
        await eventually(lambda: is_state(served, "avoided"))


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
        await eventually(lambda: has_told(served))
        file.unlink()
        shown = repr(served.running._settings) + (await served.ask("/_keypool", "GET")).body.decode()
    assert PASSWORD not in caplog.text + shown
    assert "AuthenticationError" in caplog.text


async def test_a_store_behind_tls_is_believed_with_the_systems_authorities_alone(
    mounted: Mounted, keys: dict[str, str], often: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program()
    signer, other, ca = authority(), authority("another"), tmp_path / "ca.pem"
    server_context(tmp_path, signer, "localhost")
    ca.write_text(signer.pem)
    server = RedisServer(tmp_path, ca)
    try:
        await server.start()
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        async with relay(mounted.path, share=server.url) as served:
            await eventually(lambda: connects(served))
        (tmp_path / "other.pem").write_text(other.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
        async with relay(mounted.path, share=server.url) as served:
            await eventually(lambda: is_alone(served))
            assert (await served.ask()).status == 200
    finally:
        await server.close()
