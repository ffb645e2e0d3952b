"""The demo from the first key to the last: steps, workload, and what was seen of both."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from keypool.cluster.client import KubeClient
from keypool_lab.demo import steps
from keypool_lab.demo.figures import Observed
from keypool_lab.demo.mount import Mount, keep_in_sync
from keypool_lab.demo.stage import Stage
from keypool_lab.demo.story import Story, tell_story
from keypool_lab.demo.truth import Simulator, View, audit_lines, condition
from keypool_lab.demo.workload import CLIENT, Workload
from keypool_lab.lab import Lab
from keypool_lab.lab.install import NAMESPACE
from keypool_lab.narrator import Narrator

BETWEEN = 12
"""Requests between two steps, so that one can tell them apart in the picture."""
MOUNT_SECONDS = 30.0


async def play(lab: Lab, narrator: Narrator) -> tuple[Story, Observed]:
    """Go through all steps. Raises DemoFailed or KubectlError where one does not come to its end."""
    client = await KubeClient.connect(str(lab.plane.admin_kubeconfig))
    simulator = Simulator(lab.control_url, lab.admin_key)
    mount = Mount(lab.plane.folder / "mount")
    workload = Workload(mount.folder)
    stage = Stage(lab, narrator, View(client, NAMESPACE), simulator, workload)
    try:
        ready_since = await steps.first_keys(stage)
        async with _in_use(client, mount, workload):
            await steps.workload_begins(stage)
            for step in (steps.rotation, steps.repair, steps.lost_spare):
                await stage.more_requests(BETWEEN)
                await step(stage)
            await stage.more_requests(BETWEEN)
            ready = condition(await stage.view.pool(steps.POOL), "Ready")
        narrator.say(f"   the workload ends here, before its keys do ({workload.summary()})", "dim")
        await steps.deletion(stage)
        record, audit = await simulator.record(), audit_lines(lab.plane.folder / "operator.log")
        seen = Observed(
            sent=workload.sent,
            failures=workload.failures,
            always_ready=(ready.get("status"), ready.get("lastTransitionTime")) == ("True", ready_since),
            left=await steps.left(stage),
            overlap=steps.OVERLAP_SECONDS,
        )
        return tell_story(record, audit, stage.marks, CLIENT, time.time()), seen
    finally:
        await simulator.close()
        await client.close()


@asynccontextmanager
async def _in_use(client: KubeClient, mount: Mount, workload: Workload) -> AsyncIterator[None]:
    """While the block lasts, the Secret is kept in the folder and the workload sends requests."""
    syncing = asyncio.create_task(keep_in_sync(client, NAMESPACE, steps.POOL, mount))
    working: asyncio.Task[None] | None = None
    try:
        await asyncio.wait_for(mount.filled.wait(), MOUNT_SECONDS)
        working = asyncio.create_task(workload.run())
        yield
    finally:
        workload.stop()
        if working is not None:
            await working
        syncing.cancel()
        with suppress(asyncio.CancelledError):
            await syncing
