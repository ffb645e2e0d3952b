"""Calls through an HTTP proxy: what it is asked for, what it never sees, and what its refusals mean."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.authorities import Authorities
from keypool.providers.errors import Ambiguous, EndpointRefused, ProviderError, Unavailable
from keypool.providers.proxy import Proxy
from keypool.providers.reach import PUBLIC as ONLY_PUBLIC
from keypool.providers.reach import Reach
from keypool.providers.registry import build
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.certificates import authority, server_context, serving_tls
from tests.contract.connect_proxy import ConnectProxy, running
from tests.contract.doors import two_doors
from tests.reaching import THIS_MACHINE
from tests.unit.test_addresses import Names

HOST, PUBLIC = "api.example.com", "93.184.216.34"
PASSWORD = "proxy-canary:p@ss"
CREATE, LIST = Call("create a key", "POST", "/keys"), Call("list keys", "GET", "/keys")
SOON = Deadlines(create=1.0, other=1.0)


class Stage:
    """A provider behind TLS, whose Host headers are `seen`, and which `answers`; and a proxy before it."""

    def __init__(self, proxy: ConnectProxy, seen: list[str], authorities: Authorities, answers: asyncio.Event) -> None:
        self.proxy, self.seen, self.authorities, self.answers = proxy, seen, authorities, answers

    def transport(
        self,
        url: str = f"https://{HOST}",
        names: str = PUBLIC,
        *,
        resolves: bool = False,
        bypass: tuple[str, ...] = (),
        reach: Reach = ONLY_PUBLIC,
    ) -> Transport:
        """A client for which every name is at `names`."""
        at = Proxy(f"http://127.0.0.1:{self.proxy.port}", "user", SecretStr(PASSWORD), resolves, bypass)
        lookup = Names(*names.split(","))
        tls = self.authorities.context()
        return Transport(url, SecretStr("admin-canary"), SOON, reach=reach, names=lookup, tls=tls, proxy=at)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """Both."""
    ca, seen, answers = authority(), list[str](), asyncio.Event()
    answers.set()
    context = server_context(tmp_path, ca, HOST)
    async with serving_tls(context, seen, answers) as port, running(ConnectProxy(port)) as proxy:
        yield Stage(proxy, seen, Authorities(ca.pem), answers)


async def raised(transport: Transport, call: Call) -> ProviderError:
    """What a call raises."""
    with pytest.raises(ProviderError) as caught:
        await transport.call(call)
    await transport.close()
    return caught.value


async def test_the_proxy_is_asked_for_the_address_that_was_checked_and_sees_no_credential(stage: Stage) -> None:
    transport = stage.transport()
    assert (await transport.call(LIST)).status == 200
    assert (await transport.call(CREATE)).status == 200
    assert stage.proxy.asked == [f"{PUBLIC}:443"] * 2
    assert stage.seen == [HOST] * 2, "and the provider is asked by its name"
    assert "admin-canary" not in "".join(stage.proxy.heads)
    assert all("proxy-authorization: basic " in head.lower() for head in stage.proxy.heads)
    await transport.close()


async def test_connections_are_kept_through_the_proxy(stage: Stage) -> None:
    transport = stage.transport()
    for _ in range(3):
        await transport.call(LIST)
    assert len(stage.proxy.asked) == 1
    await transport.close()


async def test_a_name_at_a_private_address_is_refused_before_the_proxy_is_asked(stage: Stage) -> None:
    assert isinstance(await raised(stage.transport(names="10.1.2.3"), LIST), EndpointRefused)
    assert stage.proxy.asked == []


async def test_where_the_proxy_resolves_it_is_asked_for_the_name(stage: Stage) -> None:
    transport = stage.transport(names="10.1.2.3", resolves=True)
    assert (await transport.call(LIST)).status == 200
    assert stage.proxy.asked == [f"{HOST}:443"]
    await transport.close()


async def test_the_certificate_has_to_be_the_names_through_the_proxy_too(stage: Stage) -> None:
    error = await raised(stage.transport("https://other.example.com"), CREATE)
    assert isinstance(error, Unavailable)
    assert "certificate is not accepted" in str(error)
    assert stage.seen == []


async def test_of_several_addresses_the_one_is_used_that_the_proxy_reaches(stage: Stage) -> None:
    stage.proxy.reaches = (f"{PUBLIC}:443",)
    transport = stage.transport(names=f"93.184.216.99,{PUBLIC}")
    assert (await transport.call(CREATE)).status == 200
    assert stage.proxy.asked == ["93.184.216.99:443", f"{PUBLIC}:443"]
    await transport.close()


@pytest.mark.parametrize("how", ["403", "407", "502", "204", "cut", "hang", "garbage", "away"])
async def test_a_create_that_the_proxy_refuses_was_never_sent(stage: Stage, how: str) -> None:
    stage.proxy.cuts, stage.proxy.hangs = how == "cut", how == "hang"
    if how.isdigit():
        stage.proxy.answer = how
    elif how == "garbage":
        stage.proxy.answer = "\x00\x01"
    elif how == "away":
        stage.proxy.port = 1
    error = await raised(stage.transport(), CREATE)
    assert type(error) is Unavailable, error
    assert stage.seen == []
    assert "canary" not in str(error)
    assert how not in {"403", "407", "502"} or f"it answered {how}" in str(error)


async def test_what_was_sent_through_the_proxy_and_not_answered_may_have_happened(stage: Stage) -> None:
    stage.answers.clear()
    assert type(await raised(stage.transport(), CREATE)) is Ambiguous
    assert stage.seen == [HOST]
    stage.answers.set()


@pytest.mark.parametrize("entry", [HOST, "example.com", ".example.com"])
async def test_a_host_that_bypasses_the_proxy_is_called_directly(stage: Stage, entry: str) -> None:
    transport = stage.transport(
        f"https://{HOST}:{stage.proxy.leads_to}", "127.0.0.1", bypass=(entry,), reach=THIS_MACHINE
    )
    assert (await transport.call(LIST)).status == 200
    assert stage.proxy.asked == []
    await transport.close()


async def test_plain_http_never_goes_through_it(stage: Stage) -> None:
    async with two_doors() as (door, _):
        transport = stage.transport(door.url, "127.0.0.1", reach=THIS_MACHINE)
        assert (await transport.call(LIST)).status == 200
        await transport.close()
    assert stage.proxy.asked == []


@pytest.mark.parametrize("resolves", [True, False])
async def test_a_name_that_python_cannot_encode_is_no_crash(stage: Stage, resolves: bool) -> None:
    """Nothing was sent."""
    away = Proxy(f"http://{'a' * 64}.example.com:1", resolves=resolves)
    for proxy in (away, None):
        url, tls = f"https://{'b' * 64}.example.com", stage.authorities.context()
        transport = Transport(url, SecretStr("admin-canary"), SOON, tls=tls, proxy=proxy)
        assert type(await raised(transport, CREATE)) is Unavailable


async def test_tokens_are_fetched_through_it(stage: Stage) -> None:
    """Names are looked up by the system here, which knows none of these, so the proxy does it."""
    auth = {"oauth2": {"tokenURL": f"https://{HOST}/token", "secretRef": {"name": "client"}}}
    made = {"holySheep": {}, "endpoints": [{"url": "https://keys.example.com"}], "auth": auth}
    proxy = Proxy(f"http://127.0.0.1:{stage.proxy.port}", resolves=True)
    spec = KeyProviderSpec.model_validate(made)
    provider = build(
        spec, SecretStr("id:secret"), allow_insecure=False, authorities=stage.authorities, proxy=proxy, deadlines=SOON
    )
    with pytest.raises(ProviderError, match="fetch an OAuth token"):
        await provider.list_keys()
    assert stage.proxy.asked == [f"{HOST}:443"]
    assert stage.seen == [HOST]
    await provider.close()


async def test_the_proxys_password_is_shown_nowhere(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stage.proxy.answer = "407"
    transport = stage.transport()
    error = await raised(transport, CREATE)
    shown = f"{error!r} {error} {caplog.text} {Proxy('http://a:1', 'u', SecretStr(PASSWORD))!r}"
    assert PASSWORD not in shown
    assert "proxy-canary" not in shown


async def test_variables_of_the_environment_are_not_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{stage.proxy.port}")
    url, tls = f"https://{HOST}:{stage.proxy.leads_to}", stage.authorities.context()
    transport = Transport(url, SecretStr("admin-canary"), SOON, reach=THIS_MACHINE, names=Names("127.0.0.1"), tls=tls)
    assert (await transport.call(LIST)).status == 200
    assert stage.proxy.asked == []
    await transport.close()
