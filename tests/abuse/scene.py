"""Two tenants on one operator, and the play in which one of them attacks while the other one measures."""

import asyncio
import secrets
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import aiohttp

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import KubeError
from keypool_lab.controlplane import Cluster
from tests.abuse import names
from tests.abuse.attacker import Attacker, attacker
from tests.abuse.attacks.attack import Attack
from tests.abuse.bystander import Bystander, bystander, p95
from tests.abuse.judge import RUNNING, SIGKILL, SIGTERM, WAYS, Numbers
from tests.abuse.pods import Pods, Takeover, running
from tests.cluster import rights
from tests.cluster.team import Team

TRIALS = 20
SIGNALS = {SIGTERM: signal.SIGTERM, SIGKILL: signal.SIGKILL}
METRICS_SECONDS = 5.0


@dataclass(frozen=True)
class Scene:
    """The parts."""

    pods: Pods
    attacker: Attacker
    bystander: Bystander

    async def play(self, attack: Attack, ways: Sequence[str] = WAYS, trials: int = TRIALS) -> list[Numbers]:
        """What the bystander gets in each way, while the attack goes on."""
        async with attack.begin(self.attacker):
            found = [await self.measured(way, trials) for way in ways]
            self.attacker.wrongs = [] if self.attacker.decoy else await attack.ends(self.attacker)
        return found

    async def measured(self, way: str, trials: int) -> Numbers:
        """What it gets now."""
        numbers, began, before = Numbers(way), time.monotonic(), self.pods.cpu_seconds()
        self.pods.forget()
        try:
            await self._measure(numbers, trials)
        except (AssertionError, KubeError) as error:  # an operator that nobody can wait for
            numbers.metrics = f"none; {str(error)[:80]}"
        numbers.peak, numbers.killed = self.pods.peak, self.pods.killed
        numbers.crashed, numbers.unhealthy = self.pods.crashed, self.pods.unhealthy
        numbers.cores = max(self.pods.cpu_seconds() - before, 0) / (time.monotonic() - began)
        numbers.unready, self.bystander.unready = sorted(set(self.bystander.unready)), []
        return numbers

    async def _measure(self, numbers: Numbers, trials: int) -> None:
        async with self.bystander.watching():
            if numbers.way == RUNNING:
                numbers.leak = await self._leak()
            else:
                numbers.leak, over = await self._leak_while_ending(SIGNALS[numbers.way])
                numbers.lease, numbers.caches = over.lease, over.caches
            numbers.ready = p95(await self.bystander.new_pools(trials))
            numbers.rotated = await self.bystander.rotation()
            numbers.metrics = await self._metrics()

    async def _leak(self) -> float:
        reported = time.time()
        return await self.bystander.answered(*await self.bystander.leak(), reported)

    async def _leak_while_ending(self, number: signal.Signals) -> tuple[float, Takeover]:
        ended = await self.pods.end_leader(number)
        reported = time.time()
        pool, value = await self.bystander.leak()
        answering = asyncio.create_task(self.bystander.answered(pool, value, reported))
        try:
            over = await self.pods.takeover(ended)
            answered = await answering
        finally:
            answering.cancel()
            await asyncio.gather(answering, return_exceptions=True)
        late = max(over.seen_at - reported, 0) if number == signal.SIGKILL else 0
        return max(answered - late, 0), over

    async def _metrics(self) -> str:
        leader = await self.pods.leader()
        try:
            status, text = await leader.process.asked("/metrics", METRICS_SECONDS)
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__
        return str(status) if status != 200 or 'pool="steady"' in text else "200 without the bystander"


@asynccontextmanager
async def scene(
    cluster: Cluster, admin: KubeClient, attack: Attack, *, wide: bool, decoy: bool
) -> AsyncIterator[Scene]:
    """An operator at rest with a bystander that is served. `wide`: it serves the whole cluster. What is in the cluster
    is removed; nobody waits for the namespaces."""
    mark = secrets.token_hex(3)
    attacking, standing, system = (f"{who}-{mark}" for who in ("attacker", "bystander", "system"))
    async with AsyncExitStack() as ends:
        prefix = await ends.enter_async_context(names.names(cluster.folder)) if attack.names else ()
        for name in (attacking, standing):
            await admin.create(paths.namespaces(), {"metadata": {"name": name}})
            ends.push_async_callback(admin.delete, paths.namespace(name))
        await rights.install(admin, cluster, system)
        ends.push_async_callback(rights.uninstall, admin, cluster, system)
        team = Team(cluster, admin, standing)
        ends.push_async_callback(team.abandon)
        crook = await ends.enter_async_context(
            attacker(cluster, admin, attacking, system, decoy=decoy, leaves=not wide)
        )
        one = await ends.enter_async_context(bystander(team))
        kubeconfig = await rights.kubeconfig(admin, cluster, system)
        served = "" if wide else f"{attacking},{standing}"
        pods = await ends.enter_async_context(running(kubeconfig, system, served, prefix))
        await pods.leader()
        await one.settle(f"bystander.{names.ANSWERED}" if attack.names else "127.0.0.1")
        yield Scene(pods, crook, one)
