"""The mounted folder: late, broken, gone, exchanged in the middle of a request."""

import asyncio
import shutil

import pytest

from tests.relay.mounted import Mounted, document
from tests.relay.served import Served, relay
from tests.relay.stages import STAGES, Standing, saying
from tests.relay.upstream import CHAT, DONE, END, chunk, delta, full, upstream
from tests.waiting import eventually

RESTS = {
    "before a byte": full(CHAT),
    "in the headers": b"e: 1\r\nContent-Length: %d\r\n\r\n%s" % (len(CHAT), CHAT),
    "in the body": full(CHAT)[-20:],
    "in a chunk": chunk(CHAT)[-20:] + END,
    "before an event": chunk(delta("one")) + chunk(DONE) + END,
    "in the first event": chunk(delta("one")[20:]) + chunk(DONE) + END,
    "between two events": chunk(delta("two")) + chunk(DONE) + END,
    "in the second event": chunk(delta("two")[20:]) + chunk(DONE) + END,
}


@pytest.mark.parametrize("stage", STAGES)
async def test_an_open_request_keeps_its_key_when_the_folder_is_exchanged(stage: str, mounted: Mounted) -> None:
    standing = Standing(STAGES[stage], RESTS[stage])
    async with upstream(standing) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-old"}))
        async with relay(mounted.path) as served:
            asking = asyncio.create_task(served.ask(asked={"stream": True}))
            await standing.reached.wait()
            mounted.put(document([provider.url], {"chat-1": "sk-new"}))
            await eventually(lambda: _has(served, "chat-1"))
            standing.go_on.set()
            told = await asking
            after = await served.ask()
    assert (told.status, told.cut, told.headers["x-keypool-key-id"]) == (200, False, "chat-0")
    assert told.body == CHAT or told.body.endswith(DONE)
    assert after.headers["x-keypool-key-id"] == "chat-1"
    assert [heard.key for heard in provider.heard] == ["sk-old", "sk-new"]


async def test_a_folder_that_appears_late_is_waited_for(mounted: Mounted) -> None:
    """Until then every request hears so, and when to come again; the start is not over."""
    async with upstream(saying(full(CHAT))) as provider, relay(mounted.path / "keys") as served:
        early = await served.ask()
        assert (early.status, early.code) == (503, "keypool_no_usable_key")
        assert int(early.headers["Retry-After"]) >= 1
        assert (await _health(served, "/startedz")) == 503
        (mounted.path / "keys").mkdir()
        Mounted(mounted.path / "keys").put(document([provider.url], {"chat-0": "sk-one"}))
        await eventually(lambda: _has(served, "chat-0"))
        assert (await served.ask()).status == 200
        assert (await _health(served, "/startedz")) == 200


@pytest.mark.parametrize("bad", [b"", b'{"version": 1, "pool": "te', b"[]", b'{"version": 2}', b"\xff\xfe"])
async def test_a_file_that_cannot_be_used_leaves_the_last_good_one_in_use(bad: bytes, mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            mounted.put(bad)
            await eventually(lambda: _says(served, "keypool_relay_file_ok 0.0"))
            assert (await served.ask()).status == 200
            mounted.put(document([provider.url], {"chat-1": "sk-one"}))
            await eventually(lambda: _says(served, "keypool_relay_file_ok 1.0"))


async def test_a_folder_that_vanishes_leaves_the_keys_in_use(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path) as served:
            shutil.rmtree(mounted.path)
            await eventually(lambda: _says(served, "keypool_relay_file_ok 0.0"))
            assert (await served.ask()).status == 200


async def test_a_pool_without_keys_is_an_error_with_a_time_to_come_again(mounted: Mounted) -> None:
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {}))
        async with relay(mounted.path) as served:
            told = await served.ask()
    assert (told.status, told.code) == (503, "keypool_no_usable_key")
    assert int(told.headers["Retry-After"]) >= 1
    assert provider.heard == []


async def test_the_second_pool_answers_when_the_first_has_no_keys_left(mounted: Mounted) -> None:
    """A model that is called otherwise there gets its name there."""
    async with upstream(saying(full(CHAT))) as main, upstream(saying(full(CHAT))) as backup:
        mounted.put(
            document([main.url], {}),
            document([backup.url], {"backup-0": "sk-one"}, pool="team-a/backup", account="two"),
        )
        async with relay(mounted.path, models='{"team-a/backup": {"m": "another/model"}}') as served:
            told = await served.ask()
    assert (told.status, told.headers["x-keypool-key-id"]) == (200, "backup-0")
    assert b'"model": "another/model"' in backup.heard[0].body


async def _has(served: Served, key: str) -> bool:
    return any(each.id == key for pool in served.running.chooser.pools for each in pool.keys)


async def _says(served: Served, line: str) -> bool:
    return line in await served.metrics()


async def _health(served: Served, path: str) -> int:
    async with served.session.get(f"http://127.0.0.1:{served.running.health_port}{path}") as answer:
        return answer.status
