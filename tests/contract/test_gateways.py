"""The tests' own real gateways: they start, serve keys as their documentation says, and leave nothing behind."""

import asyncio
import os
import secrets
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any

import httpx
import pytest

from keypool_lab.gateways import AnyLLM, Gateway, LiteLLM, PostgreSQL
from keypool_lab.gateways.chat import ANSWER, COMPLETION_TOKENS, PROMPT_TOKENS, Chat
from keypool_lab.gateways.server import Server
from tests.waiting import eventually, within

CALL_SECONDS = 60.0
START_SECONDS = 60.0
OWNER = """
import sys, time
from keypool_lab.gateways import PostgreSQL
with PostgreSQL() as server:
    print(server.folder, flush=True)
    sys.stdin.read()
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux shows them")


async def create_key(gateway: Gateway) -> dict[str, Any]:
    """A new key, through the gateway's admin API."""
    name = f"test-gateways-{secrets.token_hex(4)}"
    path, body = ("/key/generate", {"key_alias": name})
    if isinstance(gateway, AnyLLM):
        path, body = ("/v1/keys", {"key_name": name})
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        answer = await client.post(gateway.url + path, json=body, headers=bearer(gateway.master_key))
    assert answer.status_code == 200
    created: dict[str, Any] = answer.json()
    return created


async def complete_chat(gateway: Gateway, key: str) -> httpx.Response:
    """A chat completion with a key."""
    question = {"model": gateway.model, "messages": [{"role": "user", "content": "ping"}]}
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        return await client.post(f"{gateway.chat_url}/chat/completions", json=question, headers=bearer(key))


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"Authorization": f"Bearer {key}"}


def processes_in(folder: Path) -> set[int]:
    """Ids of the processes whose current folder is this one or in it, also when it has been removed."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            current = os.readlink(process / "cwd")
        except OSError:
            continue
        if current.removesuffix(" (deleted)").startswith(str(folder)):
            found.add(int(process.name))
    return found


def shared_memory_of(pid: int) -> list[str]:
    """Segments of System V shared memory that a process has made."""
    rows = [line.split() for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]]
    return [row[1] for row in rows if int(row[4]) == pid]


async def assert_nothing_is_left(folder: Path) -> None:
    """A child that only notices its parent's end goes soon after it."""

    async def gone() -> bool:
        return not await asyncio.to_thread(folder.exists) and not processes_in(folder)

    await eventually(gone, what=f"nothing is left of {folder}")


async def test_a_key_reaches_the_small_server_through_the_gateway(gateway: Gateway) -> None:
    """And what was used is told, which the gateways count."""
    answer = await complete_chat(gateway, (await create_key(gateway))["key"])
    assert answer.status_code == 200
    assert answer.json()["choices"][0]["message"]["content"] == ANSWER
    assert answer.json()["usage"]["total_tokens"] == PROMPT_TOKENS + COMPLETION_TOKENS


async def test_an_unknown_key_is_refused(gateway: Gateway) -> None:
    """So the answer of the small server comes to those alone who have a key."""
    assert (await complete_chat(gateway, f"sk-{secrets.token_hex(16)}")).status_code == 401


async def test_another_master_key_makes_no_keys(gateway: Gateway) -> None:
    """Each gateway has one of its own, which is random."""
    path = "/v1/keys" if isinstance(gateway, AnyLLM) else "/key/list"
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        answer = await client.get(gateway.url + path, headers=bearer(f"sk-{secrets.token_hex(16)}"))
    assert answer.status_code == 401


async def test_a_restarted_gateway_serves_the_keys_it_had(postgresql: PostgreSQL, small_server: Chat) -> None:
    """At the same address: its state is in the database."""
    database = postgresql.create_database()
    gateway = await asyncio.to_thread(AnyLLM(database, small_server.base_url).start)
    try:
        url, key = gateway.url, (await create_key(gateway))["key"]
        await asyncio.to_thread(gateway.restart)
        assert gateway.url == url
        assert (await complete_chat(gateway, key)).status_code == 200
    finally:
        await asyncio.to_thread(gateway.stop)


async def test_a_second_litellm_accepts_a_deleted_key_for_a_while(
    litellm_gateway: LiteLLM, second_litellm_gateway: LiteLLM
) -> None:
    """The trap that an adapter has to know: only the instance that deletes a key knows of it at once."""
    key = await create_key(litellm_gateway)
    assert (await complete_chat(second_litellm_gateway, key["key"])).status_code == 200
    async with httpx.AsyncClient(timeout=CALL_SECONDS) as client:
        master = bearer(litellm_gateway.master_key)
        body = {"keys": [key["token"]]}
        deleted = await client.post(f"{litellm_gateway.url}/key/delete", json=body, headers=master)
    assert deleted.status_code == 200
    assert (await complete_chat(litellm_gateway, key["key"])).status_code == 401
    assert (await complete_chat(second_litellm_gateway, key["key"])).status_code == 200


async def test_gateways_have_databases_of_their_own(postgresql: PostgreSQL) -> None:
    """What one writes no other sees."""
    databases = [await asyncio.to_thread(postgresql.create_database, "CREATE TABLE keys ()") for _ in range(2)]
    assert len(set(databases)) == len(databases)


@linux
@pytest.mark.parametrize("kind", ["postgres", "chat", "any-llm-gateway", "litellm"])
async def test_a_server_that_is_stopped_leaves_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    """No process, no folder, no shared memory."""
    server = make(kind, request)
    await asyncio.to_thread(server.start)
    folder, pid = server.folder, server.pid
    assert pid in processes_in(folder)
    await asyncio.to_thread(server.stop)
    await assert_nothing_is_left(folder)
    assert shared_memory_of(pid) == []


def make(kind: str, request: pytest.FixtureRequest) -> Server:
    """A server that is not started yet."""
    if kind == "postgres":
        return PostgreSQL()
    small_server: Chat = request.getfixturevalue("small_server")
    if kind == "litellm":
        return LiteLLM(request.getfixturevalue("litellm_database"), small_server.base_url)
    postgresql: PostgreSQL = request.getfixturevalue("postgresql")
    return Chat() if kind == "chat" else AnyLLM(postgresql.create_database(), small_server.base_url)


@linux
async def test_a_database_server_whose_owner_is_killed_leaves_nothing() -> None:
    """Not even shared memory, which PostgreSQL itself would leave when killed."""
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, stdin=PIPE, stdout=PIPE)
    try:
        assert owner.stdout is not None
        folder = Path((await within(owner.stdout.readline(), START_SECONDS)).decode().strip())
        pid = int(await asyncio.to_thread((folder / "postgres.pid").read_text))
    finally:
        owner.kill()
        await owner.wait()
    await assert_nothing_is_left(folder)
    assert shared_memory_of(pid) == []
