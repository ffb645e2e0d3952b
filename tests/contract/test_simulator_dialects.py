"""The simulator's four dialects: answers, streams, errors and limits in the shape of each provider."""

import json
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from keypool_lab.simulator import Options, Simulator
from tests.contract.dialects import WAYS, Program, Way, program_of

SAID = "You said: hello there"
STREAMED = [pytest.param(way, id=name) for name, way in WAYS.items()]
TEXTS: dict[str, Any] = {
    "openai": lambda event: event["choices"][0]["delta"].get("content", "") if event["choices"] else "",
    "anthropic": lambda event: event["delta"]["text"] if event["type"] == "content_block_delta" else "",
    "gemini": lambda event: event["candidates"][0]["content"]["parts"][0]["text"],
    "azure": lambda event: event["choices"][0]["delta"].get("content", "") if event["choices"] else "",
}
BY_DIALECT = [
    pytest.param(WAYS[name], id=dialect)
    for dialect, name in (
        ("openai", "openai chat"),
        ("anthropic", "anthropic"),
        ("gemini", "gemini"),
        ("azure", "azure"),
    )
]


@pytest.fixture
async def program(simulator: Simulator) -> AsyncIterator[Program]:
    """A program with a key of the simulator."""
    async with program_of(simulator) as connected:
        yield connected


@pytest.mark.parametrize("way", STREAMED)
async def test_one_key_is_good_for_every_dialect(program: Program, way: Way) -> None:
    reply = await program.call(way)
    assert (reply.status, way.text(reply.parsed)) == (200, SAID)
    assert reply.headers["x-request-id"].startswith("req_")


async def test_gemini_is_reached_by_the_path_that_its_sdk_takes_with_a_base_url_of_ones_own(program: Program) -> None:
    way = replace(WAYS["gemini"], path="/v1/models/m:generateContent")
    assert (await program.call(way)).status == 200


@pytest.mark.parametrize("way", BY_DIALECT)
async def test_a_stream_says_the_same_as_the_whole_answer(program: Program, way: Way) -> None:
    reply = await program.call(way, stream=True)
    assert reply.headers["Content-Type"].startswith("text/event-stream")
    events = [json.loads(event) for event in reply.events if event != "[DONE]"]
    assert "".join(TEXTS[way.dialect](event) for event in events) == SAID


async def test_a_response_in_events_is_numbered_and_ends_with_the_whole(program: Program) -> None:
    events = [json.loads(event) for event in (await program.call(WAYS["openai responses"], stream=True)).events]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert (events[0]["type"], events[-1]["type"]) == ("response.created", "response.completed")
    assert "".join(event.get("delta", "") for event in events) == SAID
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == SAID


@pytest.mark.parametrize(
    ("name", "last"),
    [("openai chat", "[DONE]"), ("openai completions", "[DONE]"), ("anthropic", '{"type":"message_stop"}')],
)
async def test_a_stream_ends_as_its_dialect_does(program: Program, name: str, last: str) -> None:
    assert (await program.call(WAYS[name], stream=True)).events[-1] == last


async def test_usage_comes_in_a_stream_of_openai_only_when_it_is_asked_for(program: Program) -> None:
    way = WAYS["openai chat"]
    asking = replace(way, streams={"stream": True, "stream_options": {"include_usage": True}})
    plain, asked = (await program.call(way, stream=True)).raw, await program.call(asking, stream=True)
    assert b"usage" not in plain
    assert json.loads(asked.events[-2])["usage"] == {"prompt_tokens": 2, "completion_tokens": 4, "total_tokens": 6}


async def test_a_reply_has_as_many_words_as_it_is_told(simulator: Simulator, program: Program) -> None:
    simulator.switches.events = 50
    reply = await program.call(WAYS["openai chat"], stream=True)
    assert len(reply.events) == 1 + 50 + 2  # the role before, the reason to finish and the end after


@pytest.mark.parametrize(
    ("way", "status", "code"),
    [
        ("openai chat", 401, ("error", "code", "invalid_api_key")),
        ("anthropic", 401, ("error", "type", "authentication_error")),
        ("gemini", 400, ("error", "status", "INVALID_ARGUMENT")),
        ("azure", 401, ("error", "code", "401")),
    ],
)
async def test_a_wrong_key_is_refused_in_the_words_of_the_dialect(
    simulator: Simulator, program: Program, way: str, status: int, code: tuple[str, str, str]
) -> None:
    simulator.switches.words = "openai"
    reply = await program.call(WAYS[way], value="sk-hs-unknown")
    assert (reply.status, reply.parsed[code[0]][code[1]]) == (status, code[2])


@pytest.mark.parametrize(
    ("way", "status", "says"),
    [
        ("openai chat", 429, "insufficient_quota"),
        ("anthropic", 400, "credit balance is too low"),
        ("gemini", 429, "PerDay"),
        ("azure", 403, "quota"),
    ],
)
async def test_an_account_without_credit_serves_nobody(
    simulator: Simulator, program: Program, way: str, status: int, says: str
) -> None:
    simulator.switches.words = "openai"
    simulator.limits.credit[""] = 1
    assert (await program.call(WAYS[way])).status == 200
    reply = await program.call(WAYS[way])
    assert reply.status == status
    assert says in reply.raw.decode()


@pytest.mark.parametrize(
    ("way", "header"), [("openai chat", "Retry-After"), ("anthropic", "Retry-After"), ("azure", "retry-after-ms")]
)
async def test_a_reached_limit_says_when_to_come_again(
    simulator: Simulator, program: Program, way: str, header: str
) -> None:
    simulator.limits.rpm[program.key_id] = 1
    assert (await program.call(WAYS[way])).status == 200
    reply = await program.call(WAYS[way])
    assert reply.status == 429
    assert 0 < int(reply.headers[header]) <= 60_000


async def test_gemini_says_when_to_come_again_in_its_body(simulator: Simulator, program: Program) -> None:
    simulator.limits.rpm[program.key_id] = 0
    details = (await program.call(WAYS["gemini"])).parsed["error"]["details"]
    assert details[-1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "60s"}


async def test_a_limit_of_the_account_holds_for_all_its_keys(simulator: Simulator, program: Program) -> None:
    _, other = await program.create()
    simulator.limits.rpm[""] = 1
    statuses = [(await program.call(WAYS["openai chat"], value=value)).status for value in (program.value, other)]
    assert statuses == [200, 429]


async def test_the_record_tells_of_each_use_and_never_a_value(simulator: Simulator, program: Program) -> None:
    await program.call(WAYS["gemini"], {"x-stainless-retry-count": "1"})
    [use] = simulator.record.uses()
    assert (use.key_id, use.dialect, use.endpoint, use.model, use.attempt) == (program.key_id, "gemini", "0", "m", "1")
    assert (use.path, use.credentials, use.served) == (WAYS["gemini"].path, "x-goog-api-key", True)
    assert program.value not in repr(use)


async def test_a_key_in_the_query_does_not_reach_the_record(simulator: Simulator, program: Program) -> None:
    way = Way("gemini", f"{WAYS['gemini'].path}?key={program.value}&a=b", lambda _: {}, WAYS["gemini"].body, str)
    assert (await program.call(way)).status == 200
    assert simulator.record.uses()[0].path == f"{WAYS['gemini'].path}?key=…&a=b"


async def test_a_request_that_was_carried_out_before_is_a_duplicate(simulator: Simulator, program: Program) -> None:
    for key in ("one", "one", "two"):
        await program.call(WAYS["openai chat"], {"Idempotency-Key": key})
    await simulator.change_key(program.key_id, "disable")
    await program.call(WAYS["openai chat"], {"Idempotency-Key": "three"})
    await simulator.change_key(program.key_id, "enable")
    await program.call(WAYS["openai chat"], {"Idempotency-Key": "three"})
    assert [use.duplicate for use in simulator.record.uses()] == [False, True, False, False, False]


async def test_one_of_two_endpoints_is_killed_and_comes_back(simulator: Simulator, program: Program) -> None:
    door = await simulator.open_door()
    assert (await program.call(WAYS["openai chat"], url=door.url)).status == 200
    await door.kill()
    with pytest.raises(OSError, match="Cannot connect"):
        await program.call(WAYS["openai chat"], url=door.url)
    assert (await program.call(WAYS["openai chat"])).status == 200
    await door.open()
    assert (await program.call(WAYS["openai chat"], url=door.url)).status == 200
    assert [use.endpoint for use in simulator.record.uses()] == ["1", "0", "1"]


async def test_a_record_of_an_older_version_is_read_and_carried_on(tmp_path: Any) -> None:
    state = tmp_path / "record.sqlite"
    with sqlite3.connect(state) as old:
        old.execute("CREATE TABLE calls (time REAL, kind TEXT, key_id TEXT, status INTEGER, fault TEXT, client TEXT)")
        old.execute("INSERT INTO calls VALUES (1.0, 'use', 'k', 200, NULL, 'c')")
    old.close()
    async with Simulator(Options(state=state)) as first, program_of(first) as program:
        await program.call(WAYS["anthropic"], stream=True)
        ended = [(call.kind, call.dialect, call.served) for call in first.record.calls()]
    async with Simulator(Options(state=state)) as second:
        assert [(call.kind, call.dialect, call.served) for call in second.record.calls()] == ended
        assert ended == [("use", "", False), ("create", "", False), ("use", "anthropic", True)]
