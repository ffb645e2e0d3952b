"""A team that does nothing special, and measures what it gets: new pools, answers to leaks, rotations."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from keypool.cluster import paths
from keypool.cluster.errors import KubeError
from keypool_lab.simulator import Options, Simulator
from tests.abuse.accounts import account
from tests.cluster.team import Object, Team, condition_in, pool_manifest

PROVIDER = "bystander"
LONGEST = 30.0
"""Seconds after which a bystander does not wait any longer: it was not served."""
POLL, LOOK_SECONDS = 0.03, 0.5
SPARES = 10
"""Pools that wait for a leak or a rotation: each pool is asked once, because requests have a floor."""


@dataclass
class Bystander:
    """`unready`: what the steady pool's Ready said when it was not True."""

    team: Team
    simulator: Simulator
    unready: list[str] = field(default_factory=list)
    _pools: int = 0
    _spares: int = 0

    async def settle(self, name: str) -> None:
        """An account, the pool `steady`, and pools to report and rotate later. `name`: host of the provider."""
        url = self.simulator.url.replace("127.0.0.1", name)
        for manifest in account(PROVIDER, url, self.simulator.admin_key):
            kind = paths.secrets if manifest["kind"] == "Secret" else paths.providers
            await self.team.client.create(kind(self.team.namespace), manifest)
        names = ["steady", *(f"spare-{number}" for number in range(SPARES))]
        for pool in names:
            await self._create(pool)
        for pool in names:
            await self.team.ready(pool, 60)

    async def new_pools(self, trials: int) -> list[float]:
        """Seconds until each of so many new pools was Ready; `math.inf` where that took too long."""
        found: list[float] = []
        for _ in range(trials):
            found.append(math.inf if math.inf in found else await self._new_pool())
        return found

    async def leak(self) -> tuple[str, str]:
        """Reports that a pool's keys leaked; its name, and the value."""
        pool = f"spare-{self._spares}"
        self._spares += 1
        value = await self.team.value(pool)
        assert value
        await self.team.annotate(pool, compromised="all@leak")
        return pool, value

    async def answered(self, pool: str, value: str, since: float) -> float:
        """Seconds from `since` until the value was dead at the provider, and another was published."""
        return await self._until(lambda: self._contained(pool, value), since)

    async def rotation(self) -> float:
        """Seconds until a rotation that was asked for had a new key published."""
        pool = f"spare-{self._spares}"
        self._spares += 1
        value, began = await self.team.value(pool), time.time()
        await self.team.annotate(pool, rotate="now")

        async def other() -> bool:
            return await self.team.value(pool) not in (None, value)

        return await self._until(other, began)

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Notes each time that the steady pool is seen not Ready."""
        looking = asyncio.create_task(self._look())
        try:
            yield
            assert not looking.done(), looking
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def _look(self) -> None:
        while True:
            with contextlib.suppress(KubeError):
                ready = condition_in(await self.team.pool("steady"), "Ready")
                if ready.get("status") != "True":
                    self.unready.append(f"{ready.get('status')} {ready.get('reason')}")
            await asyncio.sleep(LOOK_SECONDS)

    async def _new_pool(self) -> float:
        name = f"new-{self._pools}"
        self._pools += 1
        began = time.time()
        await self._create(name)
        return await self._until(lambda: self._is_ready(name), began)

    async def _create(self, name: str) -> None:
        spec: Object = {"providerRef": {"name": PROVIDER}, "rotation": {"overlap": {"min": "5s"}}}
        pool = pool_manifest(name, **spec, health={"probeEvery": "1m"})
        await self.team.client.create(paths.pools(self.team.namespace), pool)

    async def _is_ready(self, name: str) -> bool:
        return condition_in(await self.team.pool(name), "Ready").get("status") == "True"

    async def _contained(self, pool: str, value: str) -> bool:
        if value in {key.value for key in self.simulator.record.live_keys()}:
            return False
        return await self.team.value(pool) not in (None, value)

    async def _until(self, condition: Callable[[], Awaitable[bool]], since: float) -> float:
        while time.time() - since < LONGEST:
            with contextlib.suppress(KubeError):
                if await condition():
                    return time.time() - since
            await asyncio.sleep(POLL)
        return math.inf


@asynccontextmanager
async def bystander(team: Team) -> AsyncIterator[Bystander]:
    """With a provider of its own."""
    async with Simulator(Options(names=True)) as simulator:
        yield Bystander(team, simulator)


def p95(seconds: list[float]) -> float:
    """The 95th percentile: of 20, the second longest."""
    return sorted(seconds)[math.ceil(0.95 * len(seconds)) - 1]
