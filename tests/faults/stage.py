"""Where one crash after the other is played: a namespace with a provider, and an operator of its own that serves it."""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from keypool_lab.simulator.record import Key
from tests.cluster.ledgers import Ledgers
from tests.cluster.team import (
    PROVIDER,
    Object,
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.faults.supervisor import Supervisor

SIZE, SURGE = 2, 1
LEASE = {"lease_duration": 4.0, "lease_renew_deadline": 3.8, "lease_retry": 0.2}
"""So short that a successor begins soon, so long that twelve operators at once keep it on a busy machine."""
STEP = timedelta(minutes=1)
"""So much is jumped over where the operator waits: longer than a create call, a listing's lag and the overlap."""
TIMES = {
    "rotation": {"every": "720h", "overlap": {"min": "30s"}},
    "health": {"probeEvery": "50s", "failureThreshold": 1},
}
UNHURRIED = {**TIMES, "health": {"probeEvery": "24h"}}
"""Where no probe is to be due but those of new keys."""


@dataclass(frozen=True)
class Stage:
    """The parts. The operator's clock and the provider's are ahead of the real one alike."""

    team: Team
    ledgers: Ledgers
    simulator: Simulator
    supervisor: Supervisor
    names: bool

    async def make_provider(self) -> None:
        """Applies the KeyProvider."""
        manifest = provider_manifest(self.simulator.url, holySheep={"listsNames": self.names})
        await self.team.client.create(paths.providers(self.team.namespace), manifest)

    async def has_provider(self) -> bool:
        """Whether there is one."""
        found = [provider async for provider in self.team.client.list(paths.providers(self.team.namespace))]
        return bool(found)

    async def has_pool(self, name: str) -> bool:
        """Whether there is a pool of that name."""
        found = self.team.client.list(paths.pools(self.team.namespace))
        return name in [pool["metadata"]["name"] async for pool in found]

    async def make_pool(self, name: str, spec: dict[str, Any]) -> None:
        """Applies a pool of two keys."""
        await self.team.client.create(paths.pools(self.team.namespace), pool_manifest(name, size=SIZE, **spec))

    async def drop_provider(self) -> None:
        """Deletes the KeyProvider."""
        await self.team.client.delete(paths.provider(self.team.namespace, PROVIDER))

    async def ledger(self, pool: str) -> Object | None:
        """The pool's ledger as it is stored, also when the pool is gone; None when there is none."""
        return next((ledger for ledger in await self.ledgers.all() if ledger["pool"] == pool), None)

    def made(self, pool: str = "") -> tuple[Key, ...]:
        """Every key that the provider ever made for the pool, or for all."""
        return tuple(key for key in self.simulator.record.keys() if not pool or f".{pool}." in key.name)  # noqa: SIM118

    def live(self, pool: str) -> tuple[Key, ...]:
        """The pool's keys that the provider would accept now."""
        return tuple(key for key in self.simulator.record.live_keys() if f".{pool}." in key.name)

    async def told(self, pool: str) -> str:
        """For a failure's message: states in the ledger, and how many keys live."""
        ledger = await self.ledger(pool) or {"keys": []}
        states = [(key["slot"], key["state"], key["name"][-10:]) for key in ledger["keys"]]
        return f"ledger {states}, {len(self.live(pool))} live, effects {self.supervisor.effects}"

    async def pass_time(self, pool: str) -> None:
        """Jumps over what the operator waits for."""
        await self.supervisor.advance(STEP)
        with contextlib.suppress(Exception):  # there may be no pool
            await self.team.poke(pool)


@contextlib.asynccontextmanager
async def stage(control_plane: Cluster, client: KubeClient, folder: Path, *, names: bool) -> AsyncIterator[Stage]:
    """One stage, in namespaces of its own. The operator works with the administrator's rights: its own are for others
    to test, and to make them for each stage costs more than a crash."""
    served = f"crash-{secrets.token_hex(3)}"
    for name in (served, f"{served}-system"):
        await client.create(paths.namespaces(), {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    settings = {
        "kubeconfig": control_plane.admin_kubeconfig,
        "namespace": f"{served}-system",
        "namespaces": served,
        "identity": "crashing",
        "http_port": 0,
        "allow_insecure_endpoints": True,
        "allow_private_endpoints": "127.0.0.0/8",
        **LEASE,
    }
    supervisor = Supervisor(settings, folder / f"{served}.log")
    clock = lambda: time.time() + supervisor.ahead.total_seconds()  # noqa: E731
    async with Simulator(Options(names=names), clock) as simulator:
        admin = admin_secret(simulator)
        await client.create(paths.secrets(served), admin)
        team = Team(control_plane, client, served)
        await supervisor.start()
        try:
            yield Stage(team, Ledgers(team, f"{served}-system"), simulator, supervisor, names)
        finally:
            await supervisor.end()
            await team.abandon()
            for name in (served, f"{served}-system"):
                await client.delete(paths.namespace(name))
