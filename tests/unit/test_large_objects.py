"""Objects that people made large are read a few at a time, in turns of the namespaces; what is small never waits."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from keypool.cluster import client as client_module
from keypool.cluster.bodies import LARGE, MOST, PLACES
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Unavailable
from keypool.errand import ERRAND, Errand
from tests.unit.test_kube_client_faults import kubeconfig
from tests.waiting import eventually

OTHERS = PLACES - PLACES // 4
"""Places for what is not urgent."""


class Server:
    """Sends objects whose name says how large they are; of a large one no more than its first part before `go_on`."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.go_on = asyncio.Event()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One object; of a write, what was written is all that it says."""
        name = request.match_info["name"]
        if request.method != "GET":
            return web.json_response({"size": len(await request.read())})
        self.asked[name.partition("-")[0]] += 1
        body = json.dumps({"data": "x" * int(name.rpartition("-")[2])}).encode()
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(body[: LARGE + 1])
        if len(body) > LARGE:
            await self.go_on.wait()
        with contextlib.suppress(ConnectionError):  # the client gave it up
            await response.write(body[LARGE + 1 :])
        return response


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Server, KubeClient]]:
    """One that waits before it sends what is large, and a client of it."""
    monkeypatch.setattr(client_module, "_PAUSES", ())
    server, app = Server(), web.Application(client_max_size=2 * MOST)
    app.router.add_route("*", "/{name}", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    client = await KubeClient.connect(kubeconfig(tmp_path / "kubeconfig", url, "token"))
    yield server, client
    server.go_on.set()
    await client.close()
    await runner.cleanup()


async def get(client: KubeClient, namespace: str, size: int, *, urgent: bool = False) -> int:
    """Reads an object for a pass over a pool of that namespace; how large it was."""
    ERRAND.set(Errand(namespace, urgent))
    return len((await client.get(f"/{namespace}-{size}"))["data"])


async def test_a_few_large_objects_are_under_way_at_once_and_small_ones_wait_for_none_of_them(
    server: tuple[Server, KubeClient],
) -> None:
    served, client = server
    crowd = [asyncio.create_task(get(client, "crowd", 2**20)) for _ in range(20)]

    async def all_seen() -> bool:
        return served.asked["crowd"] >= 20 + OTHERS

    await eventually(all_seen, what="all were found to be large, and the first are read")
    assert await get(client, "bystander", 1000) == 1000
    other = asyncio.create_task(get(client, "other", 2**20))
    leak = asyncio.create_task(get(client, "crowd", 2**20 + 1, urgent=True))

    async def leak_is_read() -> bool:
        return served.asked["crowd"] == 20 + OTHERS + 2 and served.asked["other"] == 1

    await eventually(leak_is_read, what="the answer to a leak has a place of its own")
    served.go_on.set()
    assert await asyncio.gather(*crowd, other, leak) == [2**20] * 21 + [2**20 + 1]


async def test_what_is_read_for_a_namespace_waits_for_one_turn_however_many_wait_for_another(
    server: tuple[Server, KubeClient],
) -> None:
    served, client = server
    ended: list[str] = []

    async def read(namespace: str) -> None:
        await get(client, namespace, 2**20)
        ended.append(namespace)

    crowd = [asyncio.create_task(read("crowd")) for _ in range(40)]

    async def crowded() -> bool:
        return served.asked["crowd"] >= 40 + OTHERS

    await eventually(crowded)
    bystander = asyncio.create_task(read("bystander"))

    async def waits() -> bool:
        return served.asked["bystander"] == 1

    await eventually(waits)
    served.go_on.set()
    await asyncio.gather(*crowd, bystander)
    assert ended.index("bystander") < 40 // 2


async def test_an_answer_that_no_object_can_be_is_given_up(server: tuple[Server, KubeClient]) -> None:
    served, client = server
    served.go_on.set()
    with pytest.raises(Unavailable, match=f"more than {MOST} bytes"):
        await get(client, "crowd", MOST)


async def test_a_large_write_waits_for_its_turn_and_is_sent_once(server: tuple[Server, KubeClient]) -> None:
    served, client = server
    crowd = [asyncio.create_task(get(client, "crowd", 2**20)) for _ in range(OTHERS)]

    async def crowded() -> bool:
        return served.asked["crowd"] == 2 * OTHERS

    await eventually(crowded)
    ERRAND.set(Errand("bystander"))
    written = asyncio.create_task(client.replace("/bystander", {"data": "x" * 2**20}))
    assert (await client.replace("/bystander", {"data": "x"}))["size"] < 100
    assert not written.done()
    served.go_on.set()
    assert (await written)["size"] > 2**20
    await asyncio.gather(*crowd)
