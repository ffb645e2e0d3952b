"""The demo's steps, in their order."""

import time
from collections.abc import Awaitable, Callable

from keypool.cluster.errors import NotFound
from keypool_lab.demo.stage import Stage
from keypool_lab.demo.story import ENDPOINTS
from keypool_lab.demo.truth import active, condition, published, spare

POOL = "chat"
RELAY = f"{POOL}-relay"
SECRETS = (POOL, f"{POOL}-pool", RELAY)
OVERLAP_SECONDS = 5
STORM = 20
"""Requests during which a key's limit goes on after it was met."""
RECENTLY = 1.0
"""Seconds: what served so long ago is in use."""
MANIFEST = f"""\
apiVersion: keypool.dev/v1alpha1
kind: ApiKeyPool
metadata:
  name: {POOL}
spec:
  providerRef:
    name: holysheep
  size: 2
  rotation:
    overlap:
      min: {OVERLAP_SECONDS}s
  health:
    probeEvery: 5s
"""


async def first_keys(stage: Stage) -> str:
    """Apply the pool; returns since when it has been Ready."""
    stage.begin("creation", "A pool of two keys")
    for line in MANIFEST.splitlines():
        stage.remark(line)
    await stage.kubectl("apply", "-f", "-", stdin=MANIFEST)

    async def ready() -> str:
        found = condition(await stage.view.pool(POOL), "Ready")
        return str(found["lastTransitionTime"]) if found.get("status") == "True" else ""

    since = await stage.until("the pool is Ready: two keys are created, proven and published", ready)
    await table(stage)
    return since


async def program_begins(stage: Stage) -> None:
    """Both keys are used; the program has none of them."""
    keys = active(await stage.view.pool(POOL))
    await stage.until("its requests are answered, with both keys", _serving(stage, keys.__eq__))


async def rotation(stage: Stage) -> None:
    """Rotate on request: make before break."""
    before = active(await stage.view.pool(POOL))
    stage.begin("rotation", "A rotation, because somebody asks for it")
    await stage.kubectl("annotate", f"akp/{POOL}", "keypool.dev/rotate=demo")

    async def replaced() -> set[str]:
        now = active(await stage.view.pool(POOL))
        return now if len(now) == 2 and not now & before else set()

    new = await stage.until("two new keys are created, proven and published", replaced)
    await stage.until("they have come to the relay's folder, and only they are used", _serving(stage, new.__eq__))

    async def revoked() -> bool:
        return await stage.simulator.live() == new

    await stage.until(f"the old keys have worked for {OVERLAP_SECONDS} s more, and are revoked", revoked)


async def repair(stage: Stage) -> None:
    """Delete the relay's Secret, and spoil it."""
    before = await stage.view.secret(RELAY) or {}
    stage.begin("repair", "The relay's Secret is deleted, and then spoilt")
    await stage.kubectl("delete", "secret", RELAY)

    async def back() -> bool:
        now = await stage.view.secret(RELAY)
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"] and now["data"] == before["data"]

    await stage.until("it is there again, with the same keys", back)
    spoil = '{"stringData": {"keys.json": "spoilt"}}'
    await stage.kubectl("patch", "secret", RELAY, "--type=merge", f"--patch={spoil}")

    async def mended() -> bool:
        now = await stage.view.secret(RELAY)
        return now is not None and now["data"] == before["data"]

    await stage.until("it holds the same keys as before", mended)


async def lost_key(stage: Stage) -> None:
    """Revoke a key at the provider while requests with it are under way. The primary stays: who reads the Secret as it
    is, without the relay, is not in this picture."""
    lost = spare(await stage.view.pool(POOL))
    stage.begin("key lost", "A key is revoked behind keypool's back, while it is in use")
    stage.show(f"somebody deletes key {lost} at the provider's console")
    await stage.simulator.delete_key(lost)
    since = time.time()
    await stage.until("the provider refuses it; the relay asks again with the other key", _refused(stage, since))

    async def withdrawn() -> bool:
        return lost not in published(await stage.view.secret(RELAY))

    await stage.until("keypool has noticed: the key is out of the Secret", withdrawn)

    async def replaced() -> set[str]:
        now = active(await stage.view.pool(POOL))
        return now if len(now) == 2 and published(await stage.view.secret(RELAY)) == now else set()

    new = await stage.until("another one has taken its place", replaced)
    await stage.until("it is used, too", _serving(stage, new.__eq__))
    await table(stage)


async def storm(stage: Stage) -> None:
    """One key is at its limit for a while."""
    limited = await _used_most(stage)
    stage.begin("429", "The provider answers 429 to every request with one of the keys")
    stage.show(f"key {limited} is at its limit")
    since = time.time()
    await stage.simulator.limit_key(limited)
    await stage.until("the relay has met it, and asks again with the other key", _refused(stage, since))
    await stage.until("only the other key is used", _serving(stage, lambda used: used != set() and limited not in used))
    await stage.more_requests(STORM)
    await stage.simulator.end_limits()
    stage.remark("the limit ends")


async def dead_endpoint(stage: Stage) -> None:
    """Kill the endpoint that all requests go to."""
    first, second = ENDPOINTS
    stage.begin("endpoint", "The provider's first endpoint is killed, with requests under way")
    stage.show("its connections are cut, and it takes no more")
    killed = time.time()
    await stage.simulator.kill_endpoint(first)

    async def moved() -> bool:
        return any(endpoint == second for _, endpoint in await stage.simulator.served_since(killed))

    await stage.until("the second endpoint answers", moved)


async def deletion(stage: Stage) -> None:
    """Delete the pool: its keys and Secrets go."""
    stage.begin("deletion", "The pool is deleted")
    await stage.kubectl("delete", "akp", POOL)

    async def revoked() -> bool:
        return not await stage.simulator.live()

    await stage.until("the pool is gone, and all of its keys are revoked", revoked)

    async def collected() -> bool:
        return not await left(stage)

    await stage.until("its Secrets are gone", collected)


async def left(stage: Stage) -> list[str]:
    """What there is of the pool in the cluster."""
    found = [f"Secret {name}" for name in SECRETS if await stage.view.secret(name) is not None]
    try:
        await stage.view.pool(POOL)
    except NotFound:
        return found
    return [*found, f"pool {POOL}"]


async def table(stage: Stage) -> None:
    """What an administrator sees."""
    for line in (await stage.kubectl("get", "akp", POOL)).splitlines():
        stage.remark(line)


def _serving(stage: Stage, wanted: Callable[[set[str]], bool]) -> Callable[[], Awaitable[bool]]:
    """Whether those keys that served requests in the last second are what is wanted."""

    async def served() -> bool:
        return wanted({key for key, _ in await stage.simulator.served_since(time.time() - RECENTLY)})

    return served


def _refused(stage: Stage, since: float) -> Callable[[], Awaitable[bool]]:
    """Whether the provider has refused a request since then."""

    async def refused() -> bool:
        return await stage.simulator.refused_since(since) > 0

    return refused


async def _used_most(stage: Stage) -> str:
    """The key that most requests of the last second came with."""
    served = [key for key, _ in await stage.simulator.served_since(time.time() - RECENTLY)]
    return max(sorted(set(served)), key=served.count)
