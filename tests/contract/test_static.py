"""The static adapter: only a definite 401 rejects a key, and nothing but the right body accepts one."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr

from keypool.api.provider_options import Static
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Throttled
from keypool.providers.protocol import NewKey, Probe
from keypool.providers.static import StaticProvider
from keypool.providers.transport import Deadlines, Transport
from tests.upstreams.plain import Plain

PRESETS = ("OpenAICompatible", "DeepSeek")
KEY = SecretStr("sk-0123456789abcdef")


def static_at(url: str, preset: Any) -> StaticProvider:
    return StaticProvider(Static(preset=preset), Transport(url, SecretStr(""), Deadlines(1.0, 1.0)))


@pytest.fixture
async def console() -> AsyncIterator[Plain]:
    async with Plain() as running:
        yield running


@pytest.fixture(params=PRESETS)
async def static(request: pytest.FixtureRequest, console: Plain) -> AsyncIterator[StaticProvider]:
    adapter = static_at(console.url, request.param)
    yield adapter
    await adapter.close()


async def answered(preset: str, response: Any) -> Any:
    """What a probe makes of this answer."""

    async def handle(_: web.Request) -> Any:
        return response() if callable(response) else response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    adapter = static_at(f"http://127.0.0.1:{runner.addresses[0][1]}", preset)
    try:
        return await adapter.probe(KEY)
    finally:
        await adapter.close()
        await runner.cleanup()


async def test_a_key_is_accepted_until_people_delete_it(static: StaticProvider, console: Plain) -> None:
    handle = await console.make_foreign_key("mine")
    value = SecretStr(console.value_of(handle))
    assert await static.probe(value) is Probe.ACCEPTED
    await console.end_key_outside(handle)
    assert await static.probe(value) is Probe.REJECTED


async def test_a_value_that_nobody_made_is_rejected(static: StaticProvider) -> None:
    assert await static.probe(KEY) is Probe.REJECTED


async def test_a_used_up_balance_rejects_no_key_and_is_told_until_it_is_topped_up(console: Plain) -> None:
    adapter, value = (
        static_at(console.url, "DeepSeek"),
        SecretStr(console.value_of(await console.make_foreign_key("m"))),
    )
    told = []
    for console.available in (True, False, True):
        assert await adapter.probe(value) is Probe.ACCEPTED
        told.append("balance" in adapter.notice)
    assert told == [False, True, False]
    await adapter.close()


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    "response",
    [
        lambda: web.json_response({}),
        lambda: web.json_response({"data": "x", "is_available": "yes"}),
        lambda: web.Response(text="<html>sign in</html>", content_type="text/html"),
        lambda: web.Response(text='{"data": [', content_type="application/json"),
        lambda: web.Response(status=500),
        lambda: web.Response(status=503),
    ],
    ids=["empty", "wrong types", "a portal", "truncated", "500", "503"],
)
async def test_an_answer_that_is_neither_yes_nor_no_says_nothing(preset: str, response: Any) -> None:
    with pytest.raises(Ambiguous):
        await answered(preset, response)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("status", "error"), [(403, Rejected), (404, Rejected), (429, Throttled), (307, Rejected)])
async def test_no_other_refusal_rejects_a_key(preset: str, status: int, error: type[ProviderError]) -> None:
    with pytest.raises(error) as caught:
        await answered(preset, web.json_response({"error": f"no {KEY.get_secret_value()}"}, status=status))
    assert KEY.get_secret_value() not in str(caught.value)


@pytest.mark.parametrize("value", ["", "a b", "sk-1\r\nX: 1", "é" * 20, "a" * 4097])
async def test_a_value_that_no_header_can_carry_is_never_sent(static: StaticProvider, value: str) -> None:
    with pytest.raises(Rejected, match="no header can carry") as caught:
        await static.probe(SecretStr(value))
    assert not value or value not in str(caught.value)


async def test_keys_are_neither_made_nor_deleted_nor_listed(static: StaticProvider) -> None:
    for call in (static.create(NewKey("n", timedelta(1))), static.revoke("h"), static.list_keys(), static.disable("h")):
        with pytest.raises(Rejected):
            await call
    can = static.capabilities
    assert [can.creates_keys, can.lists_keys, can.deletes_keys] == [False] * 3
