"""The two replicas of manifests/base, each under its memory limit. One that ends is started again, as on a node."""

import asyncio
import contextlib
import itertools
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from tests.abuse.limits import MIB, Box, box, memory_limit
from tests.faults.processes import Process, replica
from tests.waiting import eventually

REPLICAS = 2
LOOK_SECONDS, PROBE_SECONDS = 0.1, 1.0
PROBE_TIMEOUT, PROBE_FAILURES = 3.0, 3
"""The Deployment's liveness probe; it is asked ten times as often here."""
TAKES_OVER = 20.0
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Takeover:
    """Seconds from the signal until another replica led, and from then until it saw all of the cluster; `seen_at`:
    seconds since the epoch."""

    lease: float
    caches: float
    seen_at: float


@dataclass
class Pod:
    """One replica. `peak`: the most bytes it ever had resident; `cpu`: seconds of it that it used up."""

    process: Process
    box: Box
    ends: AsyncExitStack
    peak: int = 0
    cpu: float = 0.0
    failures: int = 0
    wanted: bool = True

    def look(self) -> None:
        """Takes down what it uses, as long as that can be read."""
        process = Path(f"/proc/{self.process.pid}")
        with contextlib.suppress(OSError, IndexError):
            lines = (process / "status").read_text().splitlines()
            found = (int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
            self.peak = max(self.peak, next(found, 0))
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            self.cpu = (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def leads(self) -> bool:
        """Whether it took the lead, and lives."""
        said = {line["message"] for line in self.process.lines}
        return self.process.ended is None and "leading" in said and "leadership released" not in said

    async def sees_all(self) -> bool:
        """Whether a replica that leads has listed everything."""
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            return self.leads and (await self.process.asked("/readyz", 2.0))[0] == 200
        return False


@dataclass
class Pods:
    """`killed`: replicas that the kernel ended for their memory; `crashed`: that ended otherwise, unasked; `unhealthy`:
    failures of /healthz for which a kubelet would have ended them."""

    kubeconfig: Path
    system: str
    served: str
    prefix: Sequence[str] = ()
    killed: int = 0
    crashed: list[str] = field(default_factory=list)
    unhealthy: int = 0
    _pods: list[Pod] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _peak: int = 0
    _cpu: float = 0.0

    @property
    def peak(self) -> float:
        """MiB: the most that a replica had since `forget`."""
        return max(self._peak, *(pod.peak for pod in self._pods), 0) / MIB

    def forget(self) -> None:
        """What was counted so far belongs to the past. (The kernel keeps a process's peak: that stays.)"""
        self.killed, self.crashed, self.unhealthy, self._peak = 0, [], 0, 0

    def cpu_seconds(self) -> float:
        """What all replicas used up so far."""
        return self._cpu + sum(pod.cpu for pod in self._pods)

    async def leader(self, seconds: float = TAKES_OVER) -> Pod:
        """The one that leads and sees all of the cluster."""

        async def found() -> Pod | None:
            for pod in self._pods:
                if await pod.sees_all():
                    return pod
            return None

        leader = await eventually(found, seconds, "a replica leads and sees all of the cluster")
        assert leader is not None
        return leader

    async def end_leader(self, number: signal.Signals) -> float:
        """Sends the leader a signal; when. `takeover` waits for the next."""
        leader = await self.leader()
        leader.wanted = False
        return leader.process.send(number)

    async def takeover(self, since: float) -> Takeover:
        """The next leader's beginning."""
        former = {id(pod) for pod in self._pods if not pod.wanted}

        async def led() -> Pod | None:
            return next((pod for pod in self._pods if pod.leads and id(pod) not in former), None)

        pod = await eventually(led, TAKES_OVER, "another replica leads")
        assert pod is not None
        at = await pod.process.leads()
        await eventually(pod.sees_all, TAKES_OVER, "the next leader sees all of the cluster")
        seen = time.time()
        return Takeover(at - since, seen - at, seen)

    async def start(self) -> None:
        """One more replica."""
        ends = AsyncExitStack()
        place = ends.enter_context(box(memory_limit()))
        settings = {"IDENTITY": f"pod-{next(self._numbers)}"}
        prefix = (*place.prefix, *self.prefix)
        process = await ends.enter_async_context(replica(self.kubeconfig, self.system, self.served, settings, prefix))
        self._pods.append(Pod(process, place, ends))

    async def stop(self) -> None:
        """Ends all."""
        while self._pods:
            await self._pods.pop().ends.aclose()

    async def keep(self) -> None:
        """Looks at the replicas for ever, and starts another one for each that ended."""
        while True:
            for pod in tuple(self._pods):
                pod.look()
                if pod.process.ended is not None:
                    await self._replace(pod)
            await asyncio.sleep(LOOK_SECONDS)

    async def probe(self) -> None:
        """Asks /healthz as a kubelet does."""
        while True:
            await asyncio.gather(*map(self._probe, tuple(self._pods)))
            await asyncio.sleep(PROBE_SECONDS)

    async def _probe(self, pod: Pod) -> None:
        if not any(line["message"] == "serving" for line in pod.process.lines):
            return
        try:
            healthy = (await pod.process.asked("/healthz", PROBE_TIMEOUT))[0] == 200
        except (aiohttp.ClientError, TimeoutError):
            healthy = pod.process.ended is not None or not pod.wanted
        pod.failures = 0 if healthy else pod.failures + 1
        if pod.failures and pod.failures % PROBE_FAILURES == 0:
            self.unhealthy += 1

    async def _replace(self, pod: Pod) -> None:
        self._pods.remove(pod)
        self._peak, self._cpu = max(self._peak, pod.peak), self._cpu + pod.cpu
        self.killed += pod.box.kills
        if pod.wanted and not pod.box.kills:
            last = pod.process.lines[-1]["message"] if pod.process.lines else "it said nothing"
            self.crashed.append(f"exit code {pod.process.ended}: {str(last)[:200]}")
        await pod.ends.aclose()
        await self.start()


@asynccontextmanager
async def running(
    kubeconfig: Path, system: str, served: str, prefix: Sequence[str] = (), replicas: int = REPLICAS
) -> AsyncIterator[Pods]:
    """The replicas, until the block ends."""
    pods = Pods(kubeconfig, system, served, prefix)
    try:
        for _ in range(replicas):
            await pods.start()
        tasks = [asyncio.create_task(pods.keep()), asyncio.create_task(pods.probe())]
        try:
            yield pods
            assert not any(task.done() for task in tasks), [task for task in tasks if task.done()]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        await pods.stop()
