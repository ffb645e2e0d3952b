"""Listings that other people's keys, or a changing order, make awkward: complete, or an error."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM, LiteLLM, OpenAI, Webhook
from keypool.providers import anyllm, litellm, openai, webhook
from keypool.providers.errors import Ambiguous
from keypool.providers.pages import Entries
from keypool.providers.paging import Entry, by_cursor, by_offset, ids
from keypool.providers.protocol import Provider
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.test_transport import Handler, Serve, serve

__all__ = ["serve"]

LISTING = Call("list the keys", "GET", "/keys")
ENTRIES = Entries("data", Entry, ids)


def to(url: str) -> Transport:
    """A transport to the server."""
    return Transport(url, SecretStr("the-admin-key"), Deadlines(create=30.0, other=30.0))


def json(body: object) -> Handler:
    """Always the same."""

    async def answer(_: web.Request) -> web.Response:
        return web.json_response(body)

    return answer


TWICE = [{"id": "a"}, {"id": "b"}, {"id": "b"}]


async def test_a_full_page_that_has_a_key_twice_is_not_the_last_one(serve: Serve) -> None:
    transport = to(await serve(json({"data": TWICE})))
    with pytest.raises(Ambiguous, match="not a complete listing"):
        await by_offset(transport, LISTING, ENTRIES)
    await transport.close()


def pages(first: list[str], then: list[str]) -> Handler:
    """One page at the beginning, another one wherever else a page begins."""

    async def answer(request: web.Request) -> web.Response:
        ids = first if request.query["offset"] == "0" else then
        return web.json_response({"data": [{"id": one} for one in ids]})

    return answer


@pytest.mark.parametrize(
    ("first", "then"),
    [("ab", "ab"), ("a", "b"), ("a", "a"), ("abc", "cb"), ("abc", "")],
    ids=["no offsets", "one at a time", "one comes", "another order", "one goes"],
)
async def test_pages_that_do_not_follow_each_other_are_no_listing(serve: Serve, first: str, then: str) -> None:
    transport = to(await serve(pages(list(first), list(then))))
    with pytest.raises(Ambiguous, match="it may lack some"):
        await by_offset(transport, LISTING, ENTRIES)
    await transport.close()


@pytest.mark.parametrize("first", ["", "a"])
async def test_a_listing_of_one_key_or_none_is_complete(serve: Serve, first: str) -> None:
    transport = to(await serve(pages(list(first), [])))
    assert list(await by_offset(transport, LISTING, ENTRIES)) == list(first)
    await transport.close()


@pytest.mark.parametrize(("strangers", "complete"), [(2, True), (9, False)])
async def test_entries_without_an_id_hide_nothing_that_comes_after_them(
    serve: Serve, strangers: int, *, complete: bool
) -> None:
    """A page that shows nothing new is the last one only where nothing at all follows on it."""
    rows = [{"id": "a"}, {"id": "b"}, *[{"id": "../"} for _ in range(strangers)], {"id": "kp.ours"}]

    async def answer(request: web.Request) -> web.Response:
        start = int(request.query["offset"])
        return web.json_response({"data": rows[start : start + 4]})

    transport = to(await serve(answer))
    entries = replace(ENTRIES, passed=lambda _: ("", None))
    if complete:
        assert list(await by_offset(transport, LISTING, entries)) == ["a", "b", "kp.ours"]
    else:
        with pytest.raises(Ambiguous, match="entries without an id follow"):
            await by_offset(transport, LISTING, entries)
    await transport.close()


async def endless(request: web.Request) -> web.Response:
    """A page of keys that nobody has seen before, wherever it begins."""
    start = int(request.query.get("offset") or int(request.query.get("after", "k-1")[1:]) + 1)
    return web.json_response({"data": [{"id": f"k{n}"} for n in range(start, start + 20_000)], "has_more": True})


async def all_by_offset(transport: Transport) -> object:
    """Some listing by offset."""
    return await by_offset(transport, LISTING, ENTRIES)


async def all_by_cursor(transport: Transport) -> object:
    """Some listing by cursor."""
    return await by_cursor(transport, LISTING, ENTRIES)


@pytest.mark.parametrize("listing", [all_by_offset, all_by_cursor])
async def test_a_listing_without_end_is_given_up(
    serve: Serve, listing: Callable[[Transport], Awaitable[object]]
) -> None:
    transport = to(await serve(endless))
    with pytest.raises(Ambiguous, match="more than"):
        await listing(transport)
    await transport.close()


async def test_a_last_page_that_has_a_key_twice_may_lack_another(serve: Serve) -> None:
    transport = to(await serve(json({"data": TWICE, "has_more": False})))
    with pytest.raises(Ambiguous, match="not a complete listing"):
        await by_cursor(transport, LISTING, ENTRIES)
    await transport.close()


@pytest.mark.parametrize(
    ("build", "body"),
    [
        (lambda to: anyllm.build(AnyLLM(), to), [{"id": "k", "key_name": None, "is_active": True}]),
        (lambda to: litellm.build(LiteLLM(), to), {"keys": [{"token": "0" * 64, "key_alias": None}], "total_count": 1}),
        (lambda to: openai.build(OpenAI(project="p"), to), {"data": [{"id": "k", "name": None}], "has_more": False}),
        (
            lambda to: webhook.build(Webhook(), to),
            {"protocol": 1, "account": "a", "capabilities": {}, "keys": [{"id": "k", "name": None, "active": True}]},
        ),
    ],
    ids=["any-llm", "LiteLLM", "OpenAI", "webhook"],
)
async def test_somebody_elses_key_without_a_name_does_not_look_like_a_listing_without_names(
    serve: Serve, build: Callable[[Transport], Provider], body: Any
) -> None:
    """Else no create call whose answer was lost would be looked up in such an account ever again."""
    provider = build(to(await serve(json(body))))
    [key] = await provider.list_keys()
    assert key.name is not None
    await provider.close()
