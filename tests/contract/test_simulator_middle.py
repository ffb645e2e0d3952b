"""The simulator's faults in the middle of an answer: what is on the wire is broken where it should be."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import aiohttp
import pytest

from keypool_lab.simulator import Fault, Simulator
from tests.contract.dialects import WAYS, Program, program_of
from tests.waiting import eventually, within

CHAT = WAYS["openai chat"]


@pytest.fixture
async def program(simulator: Simulator) -> AsyncIterator[Program]:
    """A program with a key of the simulator."""
    async with program_of(simulator) as connected:
        yield connected


async def on_the_wire(simulator: Simulator, program: Program, *, stream: bool = False) -> bytes:
    """All bytes that come on a connection until it ends."""
    body = b'{"model":"m","messages":[{"role":"user","content":"hello there"}]' + (
        b',"stream":true}' if stream else b"}"
    )
    parts = urlsplit(simulator.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {program.value}\r\n"
    writer.write(head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    try:
        return await within(reader.read(), 30)
    finally:
        writer.close()
        await writer.wait_closed()


async def test_an_answer_is_cut_in_its_headers(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="cut", match="use", at="headers"))
    raw = await on_the_wire(simulator, program)
    assert raw.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\n\r\n" not in raw


async def test_an_answer_is_cut_in_its_body(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="cut", match="use", at="body"))
    head, _, body = (await on_the_wire(simulator, program)).partition(b"\r\n\r\n")
    length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
    assert 0 < len(body) < length


async def test_an_answer_is_cut_in_a_chunk(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="cut", match="use", at="chunk"))
    head, _, body = (await on_the_wire(simulator, program)).partition(b"\r\n\r\n")
    size, _, chunk = body.partition(b"\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert 0 < len(chunk) < int(size, 16)


@pytest.mark.parametrize(("at", "halves"), [("event", 1), ("between", 0)])
async def test_a_stream_is_cut_after_some_events(simulator: Simulator, program: Program, at: str, halves: int) -> None:
    simulator.faults.add(Fault.model_validate({"kind": "cut", "match": "use", "at": at, "after": 3}))
    raw = await on_the_wire(simulator, program, stream=True)
    assert (raw.count(b"\n\n"), raw.count(b"data: ")) == (3, 3 + halves)
    assert not raw.endswith(b"0\r\n\r\n")


async def test_a_stream_stops_without_its_end_as_if_it_were_whole(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="stop", after=2))
    reply = await program.call(CHAT, stream=True)
    assert len(reply.events) == 2
    assert "[DONE]" not in reply.events


@pytest.mark.parametrize("name", ["openai chat", "anthropic", "gemini", "azure"])
async def test_an_error_comes_in_the_middle_of_a_stream(simulator: Simulator, program: Program, name: str) -> None:
    simulator.faults.add(Fault(kind="error_event", after=2))
    assert '"error":{' in (await program.call(WAYS[name], stream=True)).events[-1]


async def test_a_few_bytes_unpack_to_many(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="bomb", size=1_000_000))
    assert len((await program.call(CHAT)).raw) > 1_000_000


@pytest.mark.parametrize("stream", [False, True])
async def test_an_endless_answer_goes_on_until_the_client_goes(
    simulator: Simulator, program: Program, stream: bool
) -> None:
    simulator.faults.add(Fault(kind="endless", seconds=0.01))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(program.call(CHAT, stream=stream), 0.3)


async def test_an_answer_comes_late_and_whole(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="slow", seconds=0.05))
    assert CHAT.text((await program.call(CHAT)).parsed) == "You said: hello there"


async def test_a_redirect_goes_where_it_is_told(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="redirect", location="http://127.0.0.1:1/"))
    reply = await program.call(CHAT)
    assert (reply.status, reply.headers["Location"]) == (307, "http://127.0.0.1:1/")


async def test_a_storm_of_429_meets_one_key_alone(simulator: Simulator, program: Program) -> None:
    _, other = await program.create()
    simulator.faults.add(Fault(kind="throttle", match="use", key=program.key_id, retry_after="7"))
    hit, spared = await program.call(CHAT), await program.call(CHAT, value=other)
    assert (hit.status, hit.headers["Retry-After"], spared.status) == (429, "7", 200)


async def test_a_fault_meets_one_endpoint_one_dialect_or_streams_alone(simulator: Simulator, program: Program) -> None:
    door = await simulator.open_door()
    for fault in ({"endpoint": "1"}, {"dialect": "gemini"}, {"stream": True}):
        simulator.faults.add(Fault.model_validate({"kind": "status", "status": 503, **fault}))
    statuses = [
        (await program.call(CHAT)).status,
        (await program.call(CHAT, url=door.url)).status,
        (await program.call(WAYS["gemini"])).status,
        (await program.call(CHAT, stream=True)).status,
    ]
    assert statuses == [200, 503, 503, 503]


async def test_the_record_tells_which_stream_lost_its_client(simulator: Simulator, program: Program) -> None:
    simulator.switches.pause, simulator.switches.events = 0.02, 10_000
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(program.call(CHAT, stream=True), 0.3)

    async def told() -> bool:
        [use] = simulator.record.uses()
        return use.ended == "gone" and 0 < use.events < 10_000

    assert await eventually(told)


async def test_a_cut_answer_does_not_count_as_served(simulator: Simulator, program: Program) -> None:
    simulator.faults.add(Fault(kind="cut", at="body", count=1))
    with pytest.raises(aiohttp.ClientError):
        await program.call(CHAT)
    await program.call(CHAT)
    assert [(use.status, use.fault, use.served) for use in simulator.record.uses()] == [
        (200, "cut", False),
        (200, None, True),
    ]


async def test_limits_and_endpoints_are_set_over_http(simulator: Simulator, program: Program) -> None:
    door = await simulator.open_door("backup")
    headers = {"Authorization": f"Bearer {simulator.admin_key}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        url = simulator.control_url
        async with session.get(f"{url}/endpoints") as answer:
            assert await answer.json() == {"backup": door.url}
        async with session.post(f"{url}/limits", json={"rpm": {"": 0}}) as answer:
            assert answer.status == 204
        assert (await program.call(CHAT)).status == 429
        async with session.post(f"{url}/limits", json={"rpm": {"": None}}) as answer:
            assert answer.status == 204
        assert (await program.call(CHAT, url=door.url)).status == 200
        async with session.post(f"{url}/endpoints/backup/kill") as answer:
            assert answer.status == 204
        async with session.post(f"{url}/endpoints/nowhere/kill") as answer:
            assert answer.status == 404
        async with session.get(f"{url}/record?calls=use") as answer:
            assert [call["served"] for call in (await answer.json())["calls"]] == [False, True]
