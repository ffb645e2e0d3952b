"""The client against an API server that misbehaves: what is repeated, what is not, and what an error tells."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from keypool.cluster import client as client_module
from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection, NoCluster
from keypool.cluster.errors import KubeError, TooManyRequests, Unauthorized, Unavailable

CANARY = "canary-c0ffee"
Answer = tuple[int, Any, dict[str, str]]
OK: Answer = (200, {"metadata": {"name": "a"}}, {})


class Server:
    """Answers each request with the next of `answers`, the last one again and again; remembers what it was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.requests: list[tuple[str, str, str | None]] = []
        self.closing = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One answer."""
        self.requests.append((request.method, request.path_qs, request.headers.get("Authorization")))
        status, body, headers = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if status == 0:
            await self.closing.wait()
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(status=status, text=text, headers=headers, content_type="application/json")


Serve = Callable[..., Awaitable[tuple[Server, KubeClient]]]


def kubeconfig(path: Path, url: str, token: str) -> str:
    """A kubeconfig file."""
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {"token": token}}],
    }
    path.write_text(json.dumps(config))
    return str(path)


@pytest.fixture
async def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Serve]:
    """Starts a server with the given answers, and a client of it whose pauses and deadline are short."""
    monkeypatch.setattr(client_module, "_PAUSES", (0.01, 0.01, 0.01))
    monkeypatch.setattr(client_module, "TIMEOUT", 0.5)
    runners: list[web.AppRunner] = []
    servers: list[Server] = []
    clients: list[KubeClient] = []

    async def start(*answers: Answer) -> tuple[Server, KubeClient]:
        server, app = Server(*answers), web.Application()
        app.router.add_route("*", "/{path:.*}", server.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        client = await KubeClient.connect(kubeconfig(tmp_path / "kubeconfig", url, f"{CANARY}-token"))
        runners.append(runner)
        servers.append(server)
        clients.append(client)
        return server, client

    yield start
    for client in clients:
        await client.close()
    for server in servers:
        server.closing.set()
    for runner in runners:
        await runner.cleanup()


@pytest.mark.parametrize("trouble", [(503, {}, {}), (429, {}, {}), (500, "{", {})])
async def test_a_read_is_repeated(serve: Serve, trouble: Answer) -> None:
    server, client = await serve(trouble, trouble, OK)
    assert (await client.get("/api/v1/x"))["metadata"]["name"] == "a"
    assert len(server.requests) == 3


async def test_a_read_is_given_up_after_three_repetitions(serve: Serve) -> None:
    server, client = await serve((503, {}, {}))
    with pytest.raises(Unavailable):
        await client.get("/api/v1/x")
    assert len(server.requests) == 4


@pytest.mark.parametrize("trouble", [(503, {}, {}), (500, {}, {}), (504, {}, {}), (200, "{trunc", {}), (0, {}, {})])
async def test_a_write_is_not_repeated_and_may_have_happened(serve: Serve, trouble: Answer) -> None:
    server, client = await serve(trouble, OK)
    with pytest.raises(Unavailable) as caught:
        await client.create("/api/v1/x", {"data": {"a": CANARY}})
    assert caught.value.maybe_done
    assert len(server.requests) == 1
    assert CANARY not in f"{caught.value!r} {caught.value.__cause__!r} {caught.value.__dict__}"


async def test_a_write_is_repeated_when_it_was_not_processed(serve: Serve) -> None:
    server, client = await serve((429, {}, {"Retry-After": "0"}), OK)
    await client.create("/api/v1/x", {})
    assert len(server.requests) == 2


async def test_too_many_requests_tell_when_to_come_again(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_PAUSES", ())
    _, client = await serve((429, {}, {"Retry-After": "7"}))
    with pytest.raises(TooManyRequests) as caught:
        await client.create("/api/v1/x", {})
    assert caught.value.retry_after == 7


async def test_a_server_that_is_not_there_has_certainly_done_nothing(tmp_path: Path) -> None:
    client = await KubeClient.connect(kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:9", "t"))
    with pytest.raises(Unavailable) as caught:
        await client.create("/api/v1/x", {})
    assert not caught.value.maybe_done
    await client.close()


async def test_a_redirect_is_not_followed(serve: Serve) -> None:
    server, client = await serve((302, {}, {"Location": "http://127.0.0.1:9/elsewhere"}))
    with pytest.raises(KubeError):
        await client.get("/api/v1/x")
    assert len(server.requests) == 1


async def test_a_refused_token_is_read_again_once(serve: Serve, tmp_path: Path) -> None:
    server, client = await serve((401, {}, {}), OK)
    kubeconfig(tmp_path / "kubeconfig", client.connection.server, "fresh")
    await client.create("/api/v1/x", {})
    assert [token for _, _, token in server.requests] == [f"Bearer {CANARY}-token", "Bearer fresh"]
    server, client = await serve((401, {}, {}))
    with pytest.raises(Unauthorized) as caught:
        await client.get("/api/v1/x")
    assert len(server.requests) == 2
    assert CANARY not in f"{caught.value!r}"


async def test_a_list_whose_token_expired_begins_anew(serve: Serve) -> None:
    def page(name: str, token: str) -> Answer:
        return 200, {"metadata": {"continue": token}, "items": [{"n": name}]}, {}

    server, client = await serve(page("a", "t1"), (410, {"reason": "Expired"}, {}), page("a", "t2"), page("b", ""))
    assert [item["n"] async for item in client.list("/api/v1/x", "l=v")] == ["a", "a", "b"]
    assert [path for _, path, _ in server.requests][1:3] == [
        "/api/v1/x?limit=100&labelSelector=l%3Dv&continue=t1",
        "/api/v1/x?limit=20&labelSelector=l%3Dv",
    ]


async def test_a_list_that_expires_again_and_again_is_given_up(serve: Serve) -> None:
    _, client = await serve((410, {}, {}))
    with pytest.raises(Unavailable):
        _ = [item async for item in client.list("/api/v1/x")]


async def test_each_attempt_is_counted_without_names(serve: Serve) -> None:
    _, client = await serve((503, {}, {}), OK)
    seen: list[tuple[str, str, int]] = []
    client.on_request = lambda verb, resource, status, seconds: seen.append((verb, resource, status))
    await client.get("/api/v1/namespaces/ns/secrets/a")
    assert seen == [("get", "secrets", 503), ("get", "secrets", 200)]


async def test_no_kubeconfig_and_no_pod_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    with pytest.raises(NoCluster, match="no kubeconfig"):
        await Connection.load()
