"""The scenario `holders`: what thousands of KeyHolders cost, and how fast a dead key is replaced once it is reported.
The relays are not there: what they would write is written for them, and counts for nobody."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

from keypool.cluster import paths
from keypool.cluster.errors import KubeError
from keypool_lab.bench import load
from keypool_lab.bench.failures import BenchError
from keypool_lab.bench.figures import Figures
from keypool_lab.bench.meter import Meter, quiet
from keypool_lab.bench.stack import NAMESPACE, Stack
from keypool_lab.bench.waiting import until

if TYPE_CHECKING:
    from keypool_lab.bench.scenarios import Bench

NAME = "holders"
REPORTS = 1000
"""So many of the pods report a good key at once."""
SECONDS = 120.0
Object = dict[str, Any]
T = TypeVar("T")


async def measure(bench: "Bench") -> Figures:
    """Holders come, the pool rotates and they follow, many report a key that is good, and one reports its dead key."""
    count, (large, small) = bench.sizes.holders, (f"{NAME}-large", f"{NAME}-small")
    reports = min(REPORTS, count)
    async with bench.stack.operator(bench.profile(NAME)) as operator:
        await bench.at_rest(operator)
        await _pool(bench, large, 3)
        await quiet(operator)
        relays, before = _Relays(bench.stack, large), operator.process.rss()
        with bench.teller.phase(f"{NAME}: {count} holders come"):
            await relays.come(count, reports)
            await quiet(operator)
        meter, begin, rss = await Meter.start(bench.stack, operator), time.monotonic(), operator.process.rss()
        with bench.teller.phase(f"{NAME}: one pool of 3 keys rotates"):
            await _rotate(bench, large)
            await relays.follow()
            await quiet(operator)
        rotated = await meter.stop()
        await _pool(bench, small, 1)  # its key is the newest of the account, and is to be listed by the time it dies
        await quiet(operator)
        meter = await Meter.start(bench.stack, operator)
        with bench.teller.phase(f"{NAME}: {reports} pods report a good key"):
            took = await relays.report(reports)
            await quiet(operator)
        lied = await meter.stop()
        meter = await Meter.start(bench.stack, operator)
        with bench.teller.phase(f"{NAME}: a dead key is reported"):
            replaced = await _die(bench, relays, small)
            await quiet(operator)
        died = await meter.stop()
        total = time.monotonic() - begin
    notes = {
        "rss_before_bytes": float(before),
        "rss_bytes": float(rss),
        "bytes_for_each": (rss - before) / count,
        "rotation_writes": float(rotated.writes.total()),
        "reports_s": took,
        "pods_looked_up": float(lied.reads["get pods"]),
        "probes_for_reports": float(lied.calls.get("validate", 0)),
        "writes_for_reports": float(lied.writes.total()),
        "probes_for_dead_key": float(died.calls.get("validate", 0)),
        "replaced_s": replaced,
    }
    bench.teller.tell(f"{NAME}: " + ", ".join(f"{what} {value:.2f}" for what, value in notes.items()))
    return Figures(NAME, count, "holder", total, rotated, notes=notes)


async def _pool(bench: "Bench", name: str, size: int) -> None:
    ready_at = bench.stack.observer.ready_at
    await load.create(bench.stack, [name], size)
    await bench.all_in(lambda: int(name in ready_at), [name], lambda _: None, "Ready")


async def _rotate(bench: "Bench", name: str) -> None:
    """Until the replaced keys are gone."""
    former = bench.stack.observer.keys[name]
    await load.rotate(bench.stack, [name])

    async def done() -> bool:
        now = bench.stack.observer.keys[name]
        return len(now) == len(former) and not now & former

    await until(done, SECONDS, lambda: f"pool {name} was not rotated")


async def _die(bench: "Bench", relays: "_Relays", name: str) -> float:
    """Seconds from the report to another key in the Secret."""
    (key,) = bench.stack.observer.keys[name]
    await relays.come_for(name, key)
    bench.stack.observer.replaced_at.clear()
    await bench.stack.disable_newest_key()
    begun = time.monotonic()
    await relays.reject(name, key)
    replaced_at = bench.stack.observer.replaced_at

    async def done() -> bool:
        return name in replaced_at

    await until(done, SECONDS, lambda: f"the key of pool {name} was not replaced")
    return replaced_at[name] - begun


@dataclass
class _Relays:
    """Of pods p0, p1, … which all read one pool; those that report are there."""

    stack: Stack
    pool: str
    count: int = 0

    async def come(self, count: int, real: int) -> None:
        """So many pods write their holders; only the first are there."""
        self.count, keys = count, self._keys()
        uids = await _in_turns([self._pod(f"p{number}") for number in range(real)])
        uids += [f"nobody-{number}" for number in range(real, count)]
        holders = [_holder(f"p{number}", uid, self.pool, keys) for number, uid in enumerate(uids)]
        await _in_turns([self.stack.admin.create(paths.holders(NAMESPACE), holder) for holder in holders])

    async def follow(self) -> None:
        """All of them have read the new keys."""
        await self._tell([_spec(self.pool, self._keys())] * self.count)

    async def report(self, count: int) -> float:
        """So many report the same key at once; the seconds that the writes took."""
        keys, begun = self._keys(), time.monotonic()
        await self._tell([_spec(self.pool, keys, rejected=keys[0])] * count)
        return time.monotonic() - begun

    async def come_for(self, pool: str, key: str) -> None:
        """A pod of another pool writes its holder."""
        uid = await self._pod(pool)
        await self.stack.admin.create(paths.holders(NAMESPACE), _holder(pool, uid, pool, [key]))

    async def reject(self, pool: str, key: str) -> None:
        """That pod reports the key."""
        path = f"{paths.holders(NAMESPACE)}/{pool}"
        await self.stack.admin.patch(path, {"spec": _spec(pool, [key], rejected=key)})

    def _keys(self) -> list[str]:
        return sorted(self.stack.observer.keys[self.pool])

    async def _tell(self, specs: Sequence[Object]) -> None:
        path = paths.holders(NAMESPACE)
        patches = (self.stack.admin.patch(f"{path}/p{n}", {"spec": spec}) for n, spec in enumerate(specs))
        await _in_turns(list(patches))

    async def _pod(self, name: str) -> str:
        containers = [{"name": "app", "image": "app.example/app"}]
        spec = {"containers": containers, "automountServiceAccountToken": False}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        made = await self.stack.admin.create(paths.pods(NAMESPACE), body)
        return str(made["metadata"]["uid"])


async def _in_turns(calls: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    turn = asyncio.Semaphore(load.AT_ONCE)

    async def one(call: Coroutine[Any, Any, T]) -> T:
        async with turn:
            return await call

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(call)) for call in calls]
    except* KubeError as failed:
        raise BenchError(f"no load could be made: {failed.exceptions[0]}") from None
    return [task.result() for task in tasks]


def _holder(name: str, uid: str, pool: str, keys: Sequence[str]) -> Object:
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
    meta = {"name": name, "ownerReferences": [owner]}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "KeyHolder", "metadata": meta, "spec": _spec(pool, keys)}


def _spec(pool: str, keys: Sequence[str], rejected: str = "") -> Object:
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    told = [{"id": key, "since": now, **({"rejected": now} if key == rejected else {})} for key in keys]
    return {"pools": [{"name": pool, "keys": told}]}
