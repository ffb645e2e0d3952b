"""The demo from the first key to the last: steps, relay, program, and what was seen of them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from keypool.cluster.client import KubeClient
from keypool_lab.demo import steps
from keypool_lab.demo.figures import Observed
from keypool_lab.demo.mount import Mount, keep_in_sync
from keypool_lab.demo.stage import Stage
from keypool_lab.demo.story import Program, Story, tell_story
from keypool_lab.demo.truth import Simulator, View, audit_lines, condition
from keypool_lab.demo.workload import API_KEY, CLIENT, Workload
from keypool_lab.lab import Lab
from keypool_lab.lab.install import NAMESPACE
from keypool_lab.narrator import Narrator

BETWEEN = 12
"""Requests between two steps, so that one can tell them apart in the picture."""
MOUNT_SECONDS = 30.0


async def play(lab: Lab, narrator: Narrator) -> tuple[Story, Observed]:
    """Go through all steps. Raises DemoFailed, KubectlError or LabError where one does not come to its end."""
    client = await KubeClient.connect(str(lab.plane.admin_kubeconfig))
    simulator = Simulator(lab.control_url, lab.admin_key)
    stage = Stage(lab, narrator, View(client, NAMESPACE), simulator, Workload())
    try:
        ready_since = await steps.first_keys(stage)
        async with _in_use(client, stage):
            await steps.program_begins(stage)
            for step in (steps.rotation, steps.repair, steps.lost_key, steps.storm, steps.dead_endpoint):
                await stage.more_requests(BETWEEN)
                await step(stage)
            await stage.more_requests(BETWEEN)
            ready = condition(await stage.view.pool(steps.POOL), "Ready")
        narrator.say(f"   the program ends here, before its keys do ({stage.workload.summary()})", "dim")
        await steps.deletion(stage)
        seen = Observed(
            always_ready=(ready.get("status"), ready.get("lastTransitionTime")) == ("True", ready_since),
            left=await steps.left(stage),
            overlap=steps.OVERLAP_SECONDS,
        )
        return await _story(stage), seen
    finally:
        await simulator.close()
        await client.close()


async def _story(stage: Stage) -> Story:
    record, audit = await stage.simulator.record(), audit_lines(stage.lab.plane.folder / "operator.log")
    program = Program(CLIENT, stage.workload.sent, [when for when, _ in stage.workload.failures])
    return tell_story(record, audit, stage.marks, program, time.time())


@asynccontextmanager
async def _in_use(client: KubeClient, stage: Stage) -> AsyncIterator[None]:
    """While the block lasts, the Secret is kept in the relay's folder and the program sends requests to the relay."""
    mount = Mount(stage.lab.plane.folder / "mount")
    syncing = asyncio.create_task(keep_in_sync(client, NAMESPACE, steps.RELAY, mount))
    working: asyncio.Task[None] | None = None
    try:
        async with asyncio.timeout(MOUNT_SECONDS):
            await mount.filled.wait()
        stage.show(f"$ keypool-client relay    # the Secret {steps.RELAY} is mounted in its folder")
        url = await asyncio.to_thread(stage.lab.start_relay, mount.folder)
        stage.show(f"$ OPENAI_BASE_URL={url} OPENAI_API_KEY={API_KEY} program    # a request every 0.1 s")
        working = asyncio.create_task(stage.workload.run(url))
        yield
    finally:
        stage.workload.stop()
        if working is not None:
            await working
        syncing.cancel()
        with suppress(asyncio.CancelledError):
            await syncing
