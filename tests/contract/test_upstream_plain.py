"""Our provider without a key API tells keys that it knows from those that it does not."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.upstream_client import Caller
from tests.upstreams.plain import Plain
from tests.upstreams.server import fingerprint

VALUE = "sk-0123456789abcdef0123456789abcdef"


@pytest.fixture
async def upstream() -> AsyncIterator[Plain]:
    async with Plain([VALUE]) as running:
        yield running


@pytest.mark.parametrize("path", ["/user/balance", "/models"])
async def test_a_known_key_is_accepted_and_an_unknown_one_is_not(call: Caller, path: str) -> None:
    assert [(await call("GET", path, bearer=value)).status for value in (VALUE, "sk-unknown", "")] == [200, 401, 401]


async def test_a_key_without_balance_is_still_accepted(call: Caller, upstream: Plain) -> None:
    upstream.available = False
    assert (await call("GET", "/user/balance", bearer=VALUE)).body["is_available"] is False
    assert (await call("POST", "/chat/completions", {}, VALUE)).status == 402


async def test_people_make_and_delete_keys(call: Caller, upstream: Plain) -> None:
    handle = await upstream.make_foreign_key("new")
    value = upstream.value_of(handle)
    assert await upstream.live_fingerprints() == {fingerprint(VALUE), fingerprint(value)}
    await upstream.end_key_outside(handle)
    assert (await call("GET", "/models", bearer=value)).status == 401
