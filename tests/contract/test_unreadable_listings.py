"""A listing that cannot be read says which field does not fit; other people's odd entries spoil none of ours."""

from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import AnyLLM, HolySheep, LiteLLM, OpenAI, OpenRouter, Webhook
from keypool.providers import anyllm, holysheep, litellm, openai, openrouter, webhook
from keypool.providers.errors import Ambiguous
from keypool.providers.pages import Entries
from keypool.providers.paging import Entry, ids, page_of
from keypool.providers.protocol import Provider
from keypool.providers.strangers import named_otherwise
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.test_listings import json
from tests.contract.test_transport import Serve, serve

__all__ = ["serve"]

SECRET = "sk-0123456789abcdef"
HASH = "a" * 64
Build = Callable[[Any, Transport], Provider]

ROWS: dict[str, tuple[Build, Any, Callable[[list[object]], object], dict[str, object], str]] = {
    "liteLLM": (
        litellm.build,
        LiteLLM(),
        lambda rows: {"keys": rows, "total_count": len(rows), "current_page": 1, "total_pages": 1},
        {"token": HASH, "key_alias": "kp.a.b.c.0", "blocked": False},
        "blocked",
    ),
    "openRouter": (
        openrouter.build,
        OpenRouter(workspace="w"),
        lambda rows: {"data": rows},
        {"hash": "h1", "name": "kp.a.b.c.0", "disabled": False},
        "disabled",
    ),
    "openAI": (
        openai.build,
        OpenAI(project="p"),
        lambda rows: {"data": rows, "has_more": False},
        {"id": "k1", "name": "kp.a.b.c.0", "owner_project_access": "active"},
        "owner_project_access",
    ),
    "anyLLM": (
        anyllm.build,
        AnyLLM(),
        lambda rows: rows,
        {"id": "k1", "key_name": "kp.a.b.c.0", "is_active": True},
        "is_active",
    ),
    "holySheep": (
        holysheep.build,
        HolySheep(lists_names=True),
        lambda rows: {"keys": rows},
        {"id": "k1", "name": "kp.a.b.c.0", "is_active": True},
        "is_active",
    ),
    "webhook": (
        webhook.build,
        Webhook(),
        lambda rows: {"protocol": 1, "account": "a", "capabilities": {}, "keys": rows, "next": None},
        {"id": "k1", "name": "kp.a.b.c.0", "active": True},
        "active",
    ),
}
NAMES = ("key_alias", "name", "key_name")
IDS = ("token", "hash", "id")


def field_of(row: dict[str, object], names: tuple[str, ...]) -> str:
    return next(name for name in names if name in row)


async def listed(serve: Serve, kind: str, *rows: dict[str, object]) -> dict[str, str | None]:
    """Names by handle."""
    build, options, shape, _, _ = ROWS[kind]

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(shape(list(rows[int(request.query.get("offset", "0")) :])))

    deadlines = Deadlines(create=30.0, other=30.0)
    provider = build(options, Transport(await serve(answer), SecretStr("the-admin-key"), deadlines))
    try:
        return {key.handle: key.name for key in await provider.list_keys()}
    finally:
        await provider.close()


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("name", [None, "theirs", ""])
async def test_an_entry_of_somebody_else_that_cannot_be_read_spoils_no_listing(
    serve: Serve, kind: str, name: str | None
) -> None:
    """It is listed as active: of a key of ours that somebody renamed, nothing is concluded."""
    ours, odd = ROWS[kind][3], ROWS[kind][4]
    id_, named = field_of(ours, IDS), field_of(ours, NAMES)
    theirs = {**ours, id_: "b" * 64, named: name, odd: [SECRET]}
    nameless = {**ours, id_: "../x", named: name}
    found = await listed(serve, kind, ours, theirs, nameless)
    assert sorted(handle.rpartition("/")[2] for handle in found) == sorted([str(ours[id_]), "b" * 64])
    assert list(found.values()) == ["kp.a.b.c.0", ""]


async def test_a_key_that_somebody_renamed_is_listed_with_its_team(serve: Serve) -> None:
    """By the handle under which the ledger knows it: it must not be taken for gone."""
    ours = ROWS["liteLLM"][3] | {"team_id": "kp.a"}
    renamed = ours | {"token": "b" * 64, "key_alias": "renamed", "blocked": [SECRET]}
    assert list(await listed(serve, "liteLLM", ours, renamed)) == [f"{HASH}:kp.a", f"{'b' * 64}:kp.a"]


async def test_a_listing_that_gets_shorter_while_it_is_read_is_none(serve: Serve) -> None:
    """What moved into the place of a key that was deleted stands on no page."""
    rows = [{"token": f"{n:064x}", "key_alias": f"kp.{n}", "blocked": False} for n in range(5)]

    async def answer(request: web.Request) -> web.Response:
        page = int(request.query["page"])
        there = rows if page == 1 else rows[1:]
        return web.json_response({"keys": there[2 * page - 2 : 2 * page], "total_count": len(there)})

    transport = Transport(await serve(answer), SecretStr("the-admin-key"), Deadlines(create=30.0, other=30.0))
    with pytest.raises(Ambiguous, match="the listing changed"):
        await litellm.LiteLLMProvider(LiteLLM(), transport, page=2).list_keys()
    await transport.close()


@pytest.mark.parametrize("kind", ROWS)
async def test_an_entry_that_may_be_ours_is_told_by_its_field(serve: Serve, kind: str) -> None:
    ours, odd = ROWS[kind][3], ROWS[kind][4]
    second = {**ours, field_of(ours, IDS): "b" * 64, odd: [SECRET]}
    with pytest.raises(
        Ambiguous, match=rf"is not a complete listing: \w*\[1\]\.{odd} is a list and should be "
    ) as told:
        await listed(serve, kind, ours, second)
    assert SECRET not in str(told.value)


TOLD: dict[str, tuple[object, str]] = {
    "a value": ({"data": [{"id": SECRET + " "}]}, "data[0].id is a text of 20 characters and should match pattern"),
    "null": ({"data": [{"id": None}]}, "data[0].id is null and should be a valid string"),
    "missing": ({"data": [{SECRET: 1}]}, "data[0].id is missing"),
    "no object": ({"data": [["x"]]}, "data[0] is a list and should be "),
    "later": ({"data": [{"id": "a"}, {"id": "b"}, {"id": 7}]}, "data[2].id is a number and should be a valid string"),
    "another list": ({"keys": [{"id": "a"}]}, "it has no list data"),
    "a bare list": ([{"id": "a"}], "it has no list data"),
    "null for a list": ({"data": None}, "it has no list data"),
}


@pytest.mark.parametrize("case", TOLD)
async def test_what_does_not_fit_is_told_without_a_value(serve: Serve, case: str) -> None:
    body, told = TOLD[case]
    transport = Transport(await serve(json(body)), SecretStr("the-admin-key"), Deadlines(create=30.0, other=30.0))
    with pytest.raises(Ambiguous) as error:
        await page_of(transport, Call("list the keys", "GET", "/keys"), Entries("data", Entry, ids))
    assert told in str(error.value)
    assert SECRET not in str(error.value)
    await transport.close()


@pytest.mark.parametrize(
    "entry", [{"id": "a"}, {"id": "a", "name": 7}, {"id": "a", "name": "kp.x"}, {"id": "a", "name": ["x"]}]
)
def test_an_entry_that_says_nothing_of_its_name_may_be_ours(entry: dict[str, Any]) -> None:
    assert named_otherwise("id", "name")(entry) is None
