"""Probes answer with reasons, and scrapes are limited."""

import asyncio
import threading
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import aiohttp
import pytest

from keypool.cluster.cache import OPTIONAL, Kind
from keypool.serve.http import ProbeServer
from keypool.watch.liveness import Liveness


class Operator:
    """What a server asks."""

    def __init__(self) -> None:
        self.reasons: list[str] = []
        self.scrapes = 0
        self.server = ProbeServer(self.metrics, lambda: self.reasons, port=0)

    def metrics(self) -> list[bytes]:
        """One scrape."""
        self.scrapes += 1
        return [b"keypool_leader ", b"1\n"]

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a request."""
        url = f"http://127.0.0.1:{self.server.port}{path}"
        timeout = aiohttp.ClientTimeout(total=5)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url) as response:
            return response.status, await response.text()


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    """A running server."""
    operator = Operator()
    await operator.server.start()
    yield operator
    await operator.server.stop()


async def test_ready_and_alive_are_told_apart_and_reasons_are_given(operator: Operator) -> None:
    assert await operator.get("/readyz") == (200, "ok\n")
    operator.reasons = ["watch of secrets: silent for 130 s", "the Lease is out of reach"]
    assert await operator.get("/readyz") == (503, "\n".join(operator.reasons) + "\n")
    assert await operator.get("/healthz") == (200, "ok\n")


async def test_a_flood_of_scrapes_costs_one(operator: Operator) -> None:
    answers = await asyncio.gather(*(operator.get("/metrics") for _ in range(20)))
    assert set(answers) == {(200, "keypool_leader 1\n")}
    assert operator.scrapes == 1


async def test_metrics_are_told_while_all_threads_that_asyncio_lends_hang(operator: Operator) -> None:
    answer, loop = threading.Event(), asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as one:
        loop.set_default_executor(one)
        hanging = asyncio.create_task(asyncio.to_thread(answer.wait, 30))
        await asyncio.sleep(0)
        assert await operator.get("/metrics") == (200, "keypool_leader 1\n")
        answer.set()
        await hanging


async def test_there_is_nothing_else(operator: Operator) -> None:
    assert (await operator.get("/"))[0] == 404
    assert (await operator.get("/debug/pprof"))[0] == 404


def test_an_operator_of_the_whole_cluster_watches_its_providers_too() -> None:
    assert set(Liveness().ages()) == set(Kind) - set(OPTIONAL)


def test_the_age_of_a_kinds_most_silent_watch_counts() -> None:
    now, kinds = 100.0, (Kind.POOL, Kind.PROVIDER, Kind.SECRET)
    liveness = Liveness(("a", "b"), lambda: now)
    for kind in kinds:
        liveness.mark(kind, "a")
    assert not liveness.complete.is_set()
    assert liveness.complaints() == [f"watch of {kind}: not yet alive" for kind in kinds]
    for kind in kinds:
        liveness.mark(kind, "b")
    assert liveness.complete.is_set()
    assert liveness.complaints() == []
    now = 230.0
    for kind in (Kind.PROVIDER, Kind.SECRET):
        liveness.mark(kind, "a")
        liveness.mark(kind, "b")
    liveness.mark(Kind.POOL, "a")
    assert liveness.ages() == {Kind.POOL: 130, Kind.PROVIDER: 0, Kind.SECRET: 0}
    assert liveness.complaints() == ["watch of apikeypools: silent for 130 s"]
