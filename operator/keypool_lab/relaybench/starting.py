"""Processes that say where they listen, and the folder that the relay mounts."""

import json
import os
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from keypool_lab.bench.processes import Process
from keypool_lab.bench.waiting import until
from keypool_lab.demo.mount import Mount

START_SECONDS = 60.0
OUR_PORT = r"^port (\d+)$"
RELAY_PORTS = r"port (\d+); probes at port (\d+)"


@asynccontextmanager
async def running(
    name: str, argv: list[str], environment: Mapping[str, str], logs: Path, says: str = OUR_PORT
) -> AsyncIterator[tuple[Process, list[Any]]]:
    """`python argv…`, until the block ends, with what `re.findall` finds of the pattern `says` in its log."""
    process = await Process.start(name, argv, environment, logs / f"bench-relay-{name}.log")
    found: list[Any] = []

    async def told() -> bool:
        process.check()
        found[:] = re.findall(says, "\n".join(process.first_lines()), re.MULTILINE)
        return bool(found)

    try:
        await until(told, START_SECONDS, lambda: f"the {name} does not say where it listens")
        yield process, found
    finally:
        await process.kill()


@asynccontextmanager
async def relay(
    mount: Mount, logs: Path, name: str = "relay", argv: Sequence[str] = ("-m", "keypool_client", "relay")
) -> AsyncIterator[tuple[Process, int, int]]:
    """The relay as a pod runs it, with all that it does; its port, and that of its metrics."""
    # What the machine says of proxies is nothing to it.
    environment = {name: "" for name in os.environ if name.lower().endswith("_proxy")} | {
        "KEYPOOL_FOLDER": str(mount.folder),
        "KEYPOOL_RELAY_LISTEN_PORT": "0",
        "KEYPOOL_RELAY_HEALTH_PORT": "0",
    }
    async with running(name, list(argv), environment, logs, RELAY_PORTS) as (process, found):
        yield process, int(found[0][0]), int(found[0][1])


def publish(mount: Mount, urls: Sequence[str], values: Mapping[str, str]) -> None:
    """A pool's keys.json: public ids with their values, each valid at each endpoint."""
    names = [str(number) for number in range(len(urls))]
    told = {
        "version": 1,
        "pool": "lab/chat",
        "provider": "holySheep",
        "account": "lab",
        "dialects": ["openai"],
        "endpoints": [{"name": name, "bases": {"openai": url}} for name, url in zip(names, urls, strict=True)],
        "keys": [
            {"id": key, "value": value, "endpoints": names, "rateGroup": key, "creditGroup": key}
            for key, value in values.items()
        ],
    }
    mount.write({"keys.json": json.dumps(told).encode()})
