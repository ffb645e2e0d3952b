"""Everything that a benchmark runs on: control plane, simulator, and the operator, started anew for each scenario."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from keypool.cluster.client import KubeClient
from keypool_lab.bench import scrape
from keypool_lab.bench.observer import Observer
from keypool_lab.bench.processes import Process
from keypool_lab.bench.waiting import until
from keypool_lab.controlplane import ControlPlane
from keypool_lab.controlplane.material import write_private
from keypool_lab.lab.install import ACCOUNT, PROVIDER, SYSTEM, install

NAMESPACE = "default"
LATENCY = 0.05
"""Seconds that each call to the provider takes at least."""
START_SECONDS = 60.0
TOKEN_LIFETIME = "24h"  # noqa: S105 - a duration


class Operator:
    """The operator under load, seen from outside. `started` is the `time.monotonic()` of its start."""

    def __init__(self, process: Process, session: aiohttp.ClientSession) -> None:
        self.process, self._session = process, session
        self.started = time.monotonic()
        self._url = ""

    async def ready(self) -> None:
        """Waits until it leads and watches."""
        await until(self._is_ready, START_SECONDS, lambda: f"the operator is not ready\n{self.process.tail()}")

    async def scrape(self) -> scrape.Scrape:
        """Its metrics, at most a second old."""
        return await scrape.scrape(self._session, self._url)

    async def looked_at(self, pools: int, seconds: float) -> None:
        """Waits until a pass has come to a conclusion about so many pools."""
        seen = 0

        async def enough() -> bool:
            nonlocal seen
            self.process.check()
            seen = (await self.scrape()).looked_at
            return seen >= pools

        await until(enough, seconds, lambda: f"only {seen} of {pools} pools were looked at")

    async def _is_ready(self) -> bool:
        self.process.check()
        self._url = self._url or _served_url(self.process.first_lines())
        if not self._url:
            return False
        try:
            async with self._session.get(f"{self._url}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


class Stack:
    """A cluster with a provider, without an operator; `admin` is the administrator's client."""

    def __init__(
        self, plane: ControlPlane, admin: KubeClient, observer: Observer, session: aiohttp.ClientSession, logs: Path
    ) -> None:
        self.plane, self.admin, self.observer = plane, admin, observer
        self._logs = logs
        self._session = session
        self._admin_key = secrets.token_urlsafe(24)
        self._provider_url = ""
        self._kubeconfig = plane.admin_kubeconfig

    @classmethod
    @asynccontextmanager
    async def running(cls, plane: ControlPlane, logs: Path) -> AsyncIterator["Stack"]:
        """Starts the simulator and installs what is in manifests/base, but for the Deployment. `logs`: a folder."""
        admin = await KubeClient.connect(str(plane.admin_kubeconfig))
        try:
            async with aiohttp.ClientSession() as session, Observer(admin, NAMESPACE) as observer:
                stack = cls(plane, admin, observer, session, logs)
                async with stack._simulator():
                    await stack._install()
                    yield stack
        finally:
            await admin.close()

    @asynccontextmanager
    async def operator(self, profile: Path | None = None) -> AsyncIterator[Operator]:
        """Runs the operator; SIGTERM ends it. `profile`: where cProfile leaves its figures."""
        environment = {
            "KEYPOOL_KUBECONFIG": str(self._kubeconfig),
            "KEYPOOL_NAMESPACE": SYSTEM,
            "KEYPOOL_HTTP_PORT": "0",
            "KEYPOOL_ALLOW_INSECURE_ENDPOINTS": "true",
            "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS": "127.0.0.0/8",
        }
        profiler = ["-m", "cProfile", "-o", str(profile)] if profile is not None else []
        process = await Process.start("operator", [*profiler, "-m", "keypool"], environment, self._log("operator"))
        try:
            yield Operator(process, self._session)
        finally:
            await process.stop()

    async def provider_calls(self, since: float) -> dict[str, int]:
        """What the operator asked of the provider from `since` (seconds since the epoch) on."""
        calls = await scrape.provider_calls(self._session, self._provider_url, self._admin_key, since)
        return dict(sorted(calls.items()))

    async def disable_newest_key(self) -> None:
        """Behind the operator's back. Raises aiohttp.ClientError."""
        address = self._provider_url.removesuffix("/v1") + "/_lab/keys/newest/disable"
        headers = {"Authorization": f"Bearer {self._admin_key}"}
        async with self._session.post(address, headers=headers) as response:
            response.raise_for_status()

    @asynccontextmanager
    async def _simulator(self) -> AsyncIterator[None]:
        environment = {"KEYPOOL_LAB_ADMIN_KEY": self._admin_key}
        argv = ["-m", "keypool_lab.simulator", "--latency", str(LATENCY)]
        process = await Process.start("simulator", argv, environment, self._log("simulator"))

        async def serves() -> bool:
            process.check()
            self._provider_url = next(iter(process.first_lines()), "")
            return self._provider_url.startswith("http://")

        try:
            await until(serves, START_SECONDS, lambda: f"the simulator does not serve\n{process.tail()}")
            yield
        finally:
            await process.stop()

    async def _install(self) -> None:
        key = write_private(self.plane.folder / "simulator.key", self._admin_key)
        await asyncio.to_thread(install, self.plane, [self._provider_url], key)
        self._kubeconfig = await self.plane.kubeconfig_for(SYSTEM, ACCOUNT, TOKEN_LIFETIME)

    def _log(self, part: str) -> Path:
        return self._logs / f"bench-{part}.log"


def pool(name: str, size: int) -> dict[str, object]:
    """A pool like most, but that its replaced keys go after 20 s, so that a rotation is seen to its end."""
    spec = {"providerRef": {"name": PROVIDER}, "size": size, "rotation": {"overlap": {"min": "20s"}}}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "metadata": {"name": name}, "spec": spec}


def _served_url(lines: list[str]) -> str:
    """The operator's address, from the line of its log that tells it."""
    entries = (json.loads(line) for line in lines if line.startswith("{"))
    return next((str(entry["url"]) for entry in entries if entry.get("message") == "serving"), "")
