"""A report that cannot be made: no request waits for it, and the relay ends as fast as ever."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from keypool_client.relay import apiserver, pacing
from tests.contract.certificates import authority
from tests.relay.mounted import Mounted, document
from tests.relay.served import relay
from tests.relay.stages import saying
from tests.relay.upstream import CHAT, full, upstream
from tests.waiting import PATIENCE, eventually

TOKEN = "canary.of.a-token"


def environ(folder: Path, port: int) -> dict[str, str]:
    """Of a pod whose API server is at that port."""
    folder.mkdir(exist_ok=True)
    for name, text in (("token", TOKEN), ("namespace", "team-a"), ("ca.crt", authority().pem)):
        (folder / name).write_text(text)
    pod = {"KEYPOOL_POD_NAME": "web-0", "KEYPOOL_POD_UID": "u-1", "KEYPOOL_RELAY_REPORT": str(folder)}
    return pod | {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": str(port)}


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first report does not wait for its seconds."""
    monkeypatch.setattr(pacing, "FIRST_SECONDS", 0.0)


class Silent:
    """An API server that takes connections and says nothing."""

    def __init__(self) -> None:
        self.reached, self.end = asyncio.Event(), asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached.set()
        await self.end.wait()
        writer.close()


async def test_an_api_server_that_says_nothing_holds_up_neither_requests_nor_the_end(
    mounted: Mounted, tmp_path: Path
) -> None:
    silent = Silent()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with upstream(saying(full(CHAT))) as provider, server:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(60 * PATIENCE):
            async with relay(mounted.path, environ(tmp_path / "report", port)) as served:
                await silent.reached.wait()
                assert [(await served.ask()).status for _ in range(5)] == [200] * 5
            silent.end.set()


async def test_a_call_that_takes_too_long_is_given_up_and_made_again(
    mounted: Mounted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(apiserver, "CALL_SECONDS", 0.2)
    monkeypatch.setattr(pacing, "PAUSES", (0.1,))
    silent = Silent()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        mounted.put(document(["http://127.0.0.1:1/v1"], {"chat-0": "sk-one"}))
        port = server.sockets[0].getsockname()[1]
        async with relay(mounted.path, environ(tmp_path / "report", port)) as served:
            await eventually(lambda: _failed(served.metrics, 2), 20, "it is tried again")
        silent.end.set()
    assert len([record for record in caplog.records if "nobody is told" in record.getMessage()]) == 1
    assert "TimeoutError" in caplog.text
    assert TOKEN not in caplog.text


async def test_folders_that_cannot_be_read_are_named_and_a_relay_serves_without(
    mounted: Mounted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told = environ(tmp_path / "report", 1)
    (tmp_path / "report" / "token").unlink()
    async with upstream(saying(full(CHAT))) as provider:
        mounted.put(document([provider.url], {"chat-0": "sk-one"}))
        async with relay(mounted.path, told) as served:
            await eventually(lambda: _failed(served.metrics, 1), 20, "it is told")
            assert (await served.ask()).status == 200
    assert "report/token cannot be read (no such file or directory)" in caplog.text


async def test_a_proxy_of_the_environment_does_not_see_the_token(
    mounted: Mounted, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with upstream(saying(full(CHAT))) as proxy:
        mounted.put(document(["http://127.0.0.1:1/v1"], {"chat-0": "sk-one"}))
        through = {"HTTPS_PROXY": proxy.url.removesuffix("/v1")}
        async with relay(mounted.path, environ(tmp_path / "report", 1) | through) as served:
            await eventually(lambda: _failed(served.metrics, 1), 20, "it is told")
    assert proxy.heard == []


async def _failed(metrics: Callable[[], Awaitable[str]], least: int) -> bool:
    line = 'keypool_relay_reports_total{outcome="failed"} '
    told = [each.removeprefix(line) for each in (await metrics()).splitlines() if each.startswith(line)]
    return bool(told) and float(told[0]) >= least
