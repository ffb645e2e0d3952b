"""An injected stock program at 100 requests a second, through all that happens to keys and endpoints.

    python -m tests.kubelet.play_injected SYNC OVERLAP FACTS KUBELET ARCHIVE...

SYNC: how often the kubelet looks at a pod. OVERLAP: how long a replaced key works on. `test_injected_full.py` judges.
"""

import sys
from contextlib import AsyncExitStack

from tests.cluster.team import admin_secret, pool_manifest, provider_manifest
from tests.kubelet.injected import POOL, SIZE, Injected
from tests.kubelet.play import Play
from tests.kubelet.stage import Stage, from_pods, main, reachable
from tests.waiting import eventually

RATE = 100.0
SECONDS = 2400.0
SOME = int(RATE * 5)
"""Requests that are made before the next thing happens."""


class Injection(Play):
    """`overlap`: how long a replaced key works on."""

    def __init__(self, stage: Stage, overlap: str) -> None:
        super().__init__(stage)
        self._injected = Injected(stage)
        self._overlap, self._ending = overlap, AsyncExitStack()

    async def run(self) -> None:
        """All steps."""
        async with self._ending:
            steps = (self.roll_out, self.ask_for_pool, self.make_pool, self.go_on, self.see_others_wait)
            for step in (*steps, self.rotate_first, self.revoke, self.kill_endpoint, self.rotate_again, self.look_back):
                self.facts["step"] = step.__name__
                await step()
            self.facts["step"] = ""

    async def ask_for_pool(self) -> None:
        """The pod asks for a pool that does not exist yet."""
        await self._injected.install()
        await self._injected.start(RATE, SECONDS)
        self.facts["waiting"] = await self._injected.waits()

    async def make_pool(self) -> None:
        """Two keys, two endpoints; the keys' health is looked at as seldom as by default."""
        self._door = await self._simulator.open_door()
        await self._ending.enter_async_context(reachable(self._door.url))
        urls = [from_pods(self._door.url), from_pods(self._simulator.url)]
        await self._team.apply(
            admin_secret(self._simulator, *urls),
            provider_manifest(urls[0], endpoints=[{"url": url} for url in urls]),
            pool_manifest(
                POOL,
                size=SIZE,
                health={},
                key={"rateLimit": {"requestsPerMinute": 100_000}},
                rotation={"overlap": {"min": self._overlap}, "maxSurge": SIZE},
            ),
        )
        await self._team.ready(POOL, deadline=60)

    async def go_on(self) -> None:
        """The pod starts by itself."""
        await self._injected.asks(SOME)
        self.facts["injected"] = await self._injected.pod()
        self.facts["begun"] = await self._injected.told()
        self.facts["holder"] = await eventually(self._injected.holder, 60, "the relay reports")

    async def see_others_wait(self) -> None:
        """Two more ways in which a pod does not start."""
        self.facts["foreign"] = await self._injected.explained("foreign", "FailedMount", other="x")
        broken = {"keys.json": "{}"}
        self.facts["unreadable"] = await self._injected.explained("unreadable", "Startup probe failed", **broken)

    async def rotate_first(self) -> None:
        """Both keys at once."""
        self.facts["rotations"] = [await self._injected.rotate("first", 400)]
        await self._injected.asks(SOME)

    async def revoke(self) -> None:
        """Behind our back; until the pod has the new key."""
        self.facts["revocation"] = await self._injected.revoke(400)
        await self._injected.asks(SOME)

    async def kill_endpoint(self) -> None:
        """The one that comes first, as a process that was killed."""
        before = [use.endpoint for use in self._injected.uses()[-100:]]
        await self._door.kill()
        await self._injected.asks(SOME)
        after = [use.endpoint for use in self._injected.uses()[-100:]]
        self.facts["endpoints"] = {"before": sorted(set(before)), "after": sorted(set(after))}

    async def rotate_again(self) -> None:
        """By the endpoint that is left."""
        self.facts["rotations"].append(await self._injected.rotate("second", 400))
        await self._injected.asks(SOME)

    async def look_back(self) -> None:
        """What client and provider counted."""
        self.facts["stock"] = await self._injected.asks()
        self.facts["served"] = sum(use.served for use in self._injected.uses())
        self.facts["pod"] = await self._injected.pod()


if __name__ == "__main__":
    sync, overlap, *given = sys.argv[1:]
    main(lambda stage: Injection(stage, overlap).run(), sync, SECONDS, *given)
