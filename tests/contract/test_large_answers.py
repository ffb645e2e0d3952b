"""Answers of any size: what is honest is read to its end, what has none is refused by a bound, and nothing stalls."""

import asyncio
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM, HolySheep, LiteLLM, OpenAI, OpenRouter, Static, Webhook
from keypool.providers import anyllm, holysheep, litellm, openai, openrouter, static, webhook
from keypool.providers.answers import MIB, MOST, Answers
from keypool.providers.errors import Ambiguous, PutOff, TooLarge
from keypool.providers.protocol import NewKey, Probe, Provider
from keypool.providers.transport import Deadlines, Transport
from tests.contract.test_transport import Handler, Serve, serve
from tests.reaching import THIS_MACHINE
from tests.waiting import PATIENCE, within

__all__ = ["serve"]

PIECE = 64 * 1024
"""Bytes of a listing that are read at once."""
ADMIN = SecretStr("the-admin-key")
MEASURED_SECONDS = 180.0
"""Reading while memory is traced takes ten times as long."""


def to(url: str, answers: Answers | None = None, uid: str = "a1", seconds: float = 20.0 * PATIENCE) -> Transport:
    share = (answers or Answers()).share(uid)
    return Transport(url, ADMIN, Deadlines(create=seconds, other=seconds), reach=THIS_MACHINE, share=share)


def always(body: bytes, **headers: str) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": "application/json", **headers})

    return answer


@asynccontextmanager
async def beating() -> AsyncIterator[list[int]]:
    """How many turns others had meanwhile."""
    turns = [0]

    async def beat() -> None:
        while True:
            await asyncio.sleep(0)
            turns[0] += 1

    task = asyncio.create_task(beat())
    try:
        yield turns
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def key(number: int) -> dict[str, Any]:
    name = f"kp.team-{number % 100}.pool-{number}.abcd.{number:010x}"
    return {"id": f"key-{number:08d}", "name": name, "is_active": True, "metadata": {"owner": f"o{number}"}}


async def test_an_honest_listing_of_a_hundred_thousand_keys_completes_and_stalls_nobody(serve: Serve) -> None:
    body = json.dumps({"keys": [key(number) for number in range(MOST)]}).encode()
    provider = holysheep.build(HolySheep(), to(await serve(always(body))))
    async with beating() as turns:
        listed = await provider.list_keys()
    assert len({one.handle for one in listed}) == MOST
    assert turns[0] > len(body) // PIECE, "others have a turn after each piece"
    await provider.close()


async def test_of_a_listing_that_is_too_long_nothing_more_is_read(serve: Serve) -> None:
    body = b'{"keys":[' + b",".join(b'{"id":"k%d"}' % number for number in range(1_000_000)) + b"]}"
    provider = holysheep.build(HolySheep(), to(await serve(always(body)), seconds=MEASURED_SECONDS))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge, match="more than 100000 entries"):
            await provider.list_keys()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * MIB
    await provider.close()


SHAPES = {
    "deep": b'{"keys":' + b"[" * 2_000_000,
    "text": b'{"keys":[{"id":"' + b"x" * 4_000_000 + b'"}]}',
    "digits": b'{"keys":[{"id":' + b"9" * 4_000_000 + b"}]}",
    "keys": b'{"keys":[{' + b'"a":1,' * 1_000_000 + b'"id":"a"}]}',
    "around": b"{" + b'"a":[],' * 1_000_000 + b'"keys":[]}',
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("packed", [False, True])
async def test_an_answer_of_an_odd_shape_ends_at_a_bound(serve: Serve, shape: str, packed: bool) -> None:
    body = zlib.compress(SHAPES[shape]) if packed else SHAPES[shape]
    handler = always(body, **({"Content-Encoding": "deflate"} if packed else {}))
    provider = holysheep.build(HolySheep(), to(await serve(handler)))
    with pytest.raises(TooLarge, match="list the keys: the answer"):
        await provider.list_keys()
    await provider.close()


async def test_what_is_packed_is_unpacked_piece_by_piece(serve: Serve) -> None:
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(b" " * MIB) for _ in range(100)) + packer.flush()
    provider = holysheep.build(HolySheep(), to(await serve(always(packed, **{"Content-Encoding": "deflate"}))))
    tracemalloc.start()
    try:
        with pytest.raises(TooLarge):
            await provider.list_keys()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB
    await provider.close()


def endless(entry: Callable[[int], dict[str, Any]], page: Callable[[list[Any], int], Any], size: int) -> Handler:
    """Pages of new keys without end, whatever is asked for."""
    count = [0]

    async def answer(request: web.Request) -> web.Response:
        overlap = 1 if int(request.query.get("offset", "0")) else 0
        numbers = range(count[0] - overlap, count[0] + size)
        count[0] += size
        return web.json_response(page([entry(number) for number in numbers], count[0]))

    return answer


def of_webhook(entries: list[Any], count: int) -> Any:
    return {"keys": entries, "next": f"c{count}"}


def of_litellm(entries: list[Any], _: int) -> Any:
    return {"keys": entries, "total_count": 5}


def of_openai(entries: list[Any], _: int) -> Any:
    return {"data": entries, "has_more": True}


def plain(entries: list[Any], _: int) -> Any:
    return entries


def of_openrouter(entries: list[Any], _: int) -> Any:
    return {"data": entries}


ENDLESS: dict[str, tuple[Callable[[Transport], Provider], Handler]] = {
    "anyllm": (
        lambda transport: anyllm.AnyLLMProvider(AnyLLM(), transport, 10_000),
        endless(lambda number: {"id": f"k{number}", "is_active": True}, plain, 10_000),
    ),
    "litellm": (
        lambda transport: litellm.LiteLLMProvider(LiteLLM(), transport, 10_000),
        endless(lambda number: {"token": f"{number:064x}"}, of_litellm, 10_000),
    ),
    "openai": (
        lambda transport: openai.build(OpenAI(project="p"), transport),
        endless(lambda number: {"id": f"k{number}"}, of_openai, 10_000),
    ),
    "openrouter": (
        lambda transport: openrouter.build(OpenRouter(), transport),
        endless(lambda number: {"hash": f"k{number}", "name": "n", "disabled": False}, of_openrouter, 10_000),
    ),
}


@pytest.mark.parametrize("kind", ENDLESS)
async def test_pages_without_end_end_in_an_error_that_names_the_bound(serve: Serve, kind: str) -> None:
    build, handler = ENDLESS[kind]
    provider = build(to(await serve(handler)))
    with pytest.raises(TooLarge, match="more than 100000 entries"):
        await provider.list_keys()
    await provider.close()


async def test_the_webhooks_pages_without_end_do_as_well(serve: Serve) -> None:
    pages = endless(lambda number: {"id": f"k{number}", "name": None, "active": True}, of_webhook, 10_000)

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("capabilities"):
            return web.json_response({"protocol": 1, "account": "a", "capabilities": {}})
        return await pages(request)

    provider = webhook.build(Webhook(), to(await serve(answer)))
    with pytest.raises(TooLarge, match="more than 100000 entries"):
        await provider.list_keys()
    await provider.close()


async def test_the_same_page_again_and_again_ends_too(serve: Serve) -> None:
    body = json.dumps([{"id": f"k{number}", "is_active": True} for number in range(10_000)]).encode()
    provider = anyllm.AnyLLMProvider(AnyLLM(), to(await serve(always(body))), 10_000)
    with pytest.raises(TooLarge, match="the same ones again and again"):
        await provider.list_keys()
    await provider.close()


async def test_of_a_list_of_models_nothing_is_kept(serve: Serve) -> None:
    body = json.dumps({"data": [{"id": f"m{n}", "x": [{}] * 400} for n in range(3000)]}).encode()
    provider = static.build(Static(), to(await serve(always(body))))
    assert await provider.probe(SecretStr("sk-0123456789abcdef")) is Probe.ACCEPTED
    await provider.close()


async def test_a_large_answer_that_is_read_as_a_whole_is_refused_by_its_number_of_values(serve: Serve) -> None:
    provider = webhook.build(Webhook(), to(await serve(always(b'{"capabilities":[' + b"{}," * 300_000 + b"{}]}"))))
    with pytest.raises(TooLarge, match="values"):
        await provider.list_keys()
    await provider.close()


async def test_a_create_call_whose_answer_is_too_large_may_have_happened(serve: Serve) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=b'{"id":"k1","key":"' + b"x" * 2 * MIB, content_type="application/json")

    provider = holysheep.build(HolySheep(), to(await serve(answer)))
    with pytest.raises(Ambiguous, match="larger than") as caught:
        await provider.create(NewKey("n", holysheep.LAG))
    assert not isinstance(caught.value, PutOff)
    await provider.close()


async def test_a_listing_that_is_too_large_opens_no_breaker(serve: Serve) -> None:
    provider = holysheep.build(HolySheep(), to(await serve(always(SHAPES["text"]))))
    for _ in range(6):
        with pytest.raises(TooLarge):
            await provider.list_keys()
    await provider.close()


Listing = Callable[[str, str], Awaitable[int]]


async def test_a_namespaces_big_listing_holds_up_no_small_one_of_another(serve: Serve) -> None:
    release, started = asyncio.Event(), asyncio.Event()
    answers = Answers(lambda uid: uid[0])
    big = json.dumps({"keys": [key(number) for number in range(20_000)]}).encode()

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(big[:-10])
        started.set()
        await release.wait()
        await response.write(big[-10:])
        return response

    async def listed(transport: Transport, uid: str) -> int:
        provider = holysheep.build(HolySheep(), transport)
        try:
            async with answers.share(uid).listing("list the keys"):
                return len(await provider.list_keys())
        finally:
            await provider.close()

    small = json.dumps({"keys": [key(number) for number in range(5000)]}).encode()
    first = asyncio.create_task(listed(to(await serve(slow), answers, "a1"), "a1"))
    await started.wait()
    url = await serve(always(small))
    assert await within(listed(to(url, answers, "b1"), "b1"), 10) == 5000
    with pytest.raises(PutOff, match="other large listings"):
        await listed(to(await serve(always(big)), answers, "c1"), "c1")
    release.set()
    assert await first == 20_000
