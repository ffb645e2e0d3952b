"""Fifty pools, and what a judge needs to know about them: every content of their Secrets, and the provider's record."""

import asyncio
import base64
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import accumulate

from keypool.cluster import paths
from keypool_lab.simulator import Simulator
from keypool_lab.simulator.record import Key
from tests.cluster.ledgers import Ledgers
from tests.cluster.team import (
    Object,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
)
from tests.waiting import within

NAMES = tuple(f"pool-{number:02}" for number in range(50))
OVERLAP = 5.0
MOST_LIVE = 3
"""2·size + maxSurge, of a pool of size 1."""


async def apply_crowd(team: Team, simulator: Simulator) -> None:
    """The provider, which lists names, and the pools."""
    admin = admin_secret(simulator)
    await team.apply(admin, provider_manifest(simulator.url, holySheep={"listsNames": True}))
    spec = {"rotation": {"overlap": {"min": f"{OVERLAP:g}s"}}, "health": {"probeEvery": "1m"}}
    await team.apply(*(pool_manifest(name, **spec) for name in NAMES))


async def rotate_all(team: Team, token: str) -> None:
    """Asks for a new key in every pool."""
    await asyncio.gather(*(team.annotate(name, rotate=token) for name in NAMES))


async def not_ready(team: Team) -> list[str]:
    """Names of the pools that are not Ready."""
    pools = {pool["metadata"]["name"]: pool async for pool in team.client.list(paths.pools(team.namespace))}
    return [name for name in NAMES if condition_in(pools.get(name, {}), "Ready").get("status") != "True"]


async def unknown_keys(simulator: Simulator, ledgers: Ledgers) -> set[str]:
    """Names of keys that live upstream and stand in no ledger. What ended meanwhile does not count."""
    before = {key.name for key in simulator.record.live_keys()}
    known = {key["name"] for ledger in await ledgers.all() for key in ledger["keys"]}
    return before & {key.name for key in simulator.record.live_keys()} - known


def most_live_at_once(keys: Sequence[Key]) -> dict[str, int]:
    """Pool to the most keys of it that lived at the same time."""
    moves: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for key in keys:
        pool = key.name.split(".")[2]
        moves[pool].append((key.created, 1))
        if key.deleted is not None:
            moves[pool].append((key.deleted, -1))
    return {pool: max(accumulate(step for _, step in sorted(found))) for pool, found in moves.items()}


class Published:
    """What stood in the published Secrets at any time, as a watch told. Times are the API server's, cut to seconds."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.out_at: dict[str, float] = {}

    def note(self, secret: Object) -> None:
        """One version of a Secret. Those for relays hold the same keys in a file, and are passed over."""
        name, entry = secret["metadata"]["name"], (secret.get("data") or {}).get("apiKey")
        if name.endswith("-relay"):
            return
        value = base64.b64decode(entry).decode() if entry else ""
        before = self.now.get(name)
        if before and before != value:
            written = [field["time"] for field in secret["metadata"]["managedFields"] if field["manager"] == "keypool"]
            self.out_at[before] = datetime.fromisoformat(max(written)).timestamp()
        self.out_at.pop(value, None)
        self.now[name] = value

    def revoked_too_early(self, keys: Sequence[Key]) -> list[str]:
        """Names of keys that ended while published, or before they had been out of the Secret for the overlap."""
        shown = set(self.now.values())
        ended = [key for key in keys if key.deleted is not None]
        return [key.name for key in ended if key.value in shown or _too_early(key, self.out_at.get(key.value))]


def _too_early(key: Key, out_at: float | None) -> bool:
    """A key that was never published may go at any time."""
    return out_at is not None and key.deleted is not None and key.deleted < out_at + OVERLAP


@asynccontextmanager
async def watching_secrets(team: Team) -> AsyncIterator[Published]:
    """Notes every version of the published Secrets from now on."""
    published, connection = Published(), team.client.connection
    seen = asyncio.Event()

    async def follow() -> None:
        headers = {"Authorization": await connection.authorization() or ""}
        query = {"watch": "1", "labelSelector": "keypool.dev/published=true", "timeoutSeconds": "3000"}
        url = connection.server + paths.secrets(team.namespace)
        async with connection.session(1, None) as session, session.get(url, params=query, headers=headers) as lines:
            seen.set()
            rest = b""
            async for chunk in lines.content.iter_any():
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    published.note(json.loads(line)["object"])

    task = asyncio.create_task(follow())
    try:
        await within(seen.wait(), 40)
        yield published
        assert not task.done(), "the watch lasted as long as the test"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
