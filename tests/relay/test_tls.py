"""Endpoints behind TLS: with a private authority, directly and through a proxy by CONNECT."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract.certificates import authority, server_context
from tests.contract.connect_proxy import ConnectProxy, running
from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, full, upstream
from tests.waiting import eventually

CA, OTHER = authority(), authority("another")


def over_tls(url: str, ca: str | None) -> dict[str, Any]:
    """A keys.json with that endpoint, by the name that its certificate has."""
    told = document([url.replace("127.0.0.1", "localhost")], {"chat-0": "sk-canary"})
    told["endpoints"][0] |= {} if ca is None else {"ca": ca}
    return told


@pytest.mark.parametrize(("ca", "status"), [(CA.pem, 200), (OTHER.pem, 502), (None, 502)])
async def test_an_endpoint_is_believed_with_its_own_authority_alone(
    ca: str | None, status: int, mounted: Mounted, tmp_path: Path
) -> None:
    async with upstream(saying(full(CHAT)), tls=server_context(tmp_path, CA, "localhost")) as provider:
        mounted.put(over_tls(provider.url, ca))
        async with relay(mounted.path) as served:
            told = await served.ask()
    assert told.status == status
    assert [heard.key for heard in provider.heard] == (["sk-canary"] if status == 200 else [])
    assert status == 200 or told.code == "keypool_unreachable"


async def test_an_authority_that_comes_later_is_used_without_a_restart(mounted: Mounted, tmp_path: Path) -> None:
    async with upstream(saying(full(CHAT)), tls=server_context(tmp_path, CA, "localhost")) as provider:
        mounted.put(over_tls(provider.url, OTHER.pem))
        async with relay(mounted.path) as served:
            assert (await served.ask()).status == 502
            mounted.put(over_tls(provider.url, CA.pem))
            await served.running.watcher.look()

            async def answered() -> bool:
                return (await served.ask()).status == 200

            await eventually(answered, 20, "the endpoint is believed")


@pytest.mark.parametrize(("answer", "status"), [("200", 200), ("407", 502)])
async def test_an_endpoint_behind_a_proxy_is_reached_by_connect(
    answer: str, status: int, mounted: Mounted, tmp_path: Path
) -> None:
    """The proxy sees the name of the host, and neither the request nor the key."""
    async with upstream(saying(full(CHAT)), tls=server_context(tmp_path, CA, "localhost")) as provider:
        port = urlsplit(provider.url).port or 0
        mounted.put(over_tls(provider.url, CA.pem))
        async with running(ConnectProxy(leads_to=port, answer=answer)) as proxy:
            environ = {"HTTPS_PROXY": f"http://127.0.0.1:{proxy.port}"}
            async with relay(mounted.path, environ) as served:
                told = await served.ask()
    assert told.status == status
    assert set(proxy.asked) == {f"localhost:{port}"}
    assert "sk-canary" not in json.dumps(proxy.heads)
    assert bool(provider.heard) == (status == 200)
