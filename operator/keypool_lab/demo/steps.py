"""The demo's steps, in their order."""

from keypool.cluster.errors import NotFound
from keypool_lab.demo.stage import Stage
from keypool_lab.demo.truth import active, condition, published, spare

POOL = "chat"
SPARES = f"{POOL}-pool"
OVERLAP_SECONDS = 5
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
    stage.begin("creation", "A pool of two keys: a primary and a hot spare")
    for line in MANIFEST.splitlines():
        stage.remark(line)
    await stage.kubectl("apply", "-f", "-", stdin=MANIFEST)

    async def ready() -> str:
        found = condition(await stage.view.pool(POOL), "Ready")
        return str(found["lastTransitionTime"]) if found.get("status") == "True" else ""

    since = await stage.until("the pool is Ready: two keys are created, proven and published", ready)
    await table(stage)
    return since


async def workload_begins(stage: Stage) -> None:
    """The workload finds the key in its folder."""

    async def answered() -> str:
        return stage.workload.key_in_use

    stage.remark("the workload starts: it mounts the Secret as a folder and sends a chat request every 0.2 s")
    key = await stage.until("the workload's first request is answered", answered)
    stage.remark(f"it uses key {key}")


async def rotation(stage: Stage) -> None:
    """Rotate on request: make before break."""
    before = active(await stage.view.pool(POOL))
    stage.begin("rotation", "A rotation, because somebody asks for it")
    await stage.kubectl("annotate", f"akp/{POOL}", "keypool.dev/rotate=demo")

    async def replaced() -> set[str]:
        now = active(await stage.view.pool(POOL))
        return now if len(now) == 2 and not now & before else set()

    new = await stage.until("two new keys are created, proven and published", replaced)

    async def in_use() -> bool:
        return stage.workload.key_in_use in new

    await stage.until("the new key has come to the workload's folder, and is used", in_use)

    async def revoked() -> bool:
        return await stage.simulator.live() == new

    await stage.until(f"the old keys have worked for {OVERLAP_SECONDS} s more, and are revoked", revoked)


async def repair(stage: Stage) -> None:
    """Delete one published Secret and spoil the other."""
    before, spares = await stage.view.secret(POOL) or {}, await stage.view.secret(SPARES) or {}
    stage.begin("repair", "A Secret is deleted, another one edited")
    await stage.kubectl("delete", "secret", POOL)

    async def back() -> bool:
        now = await stage.view.secret(POOL)
        return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"] and now["data"] == before["data"]

    await stage.until("it is there again, with the same key", back)
    spoil = '{"stringData": {"keys.json": "spoilt"}}'
    await stage.kubectl("patch", "secret", SPARES, "--type=merge", f"--patch={spoil}")

    async def mended() -> bool:
        now = await stage.view.secret(SPARES)
        return now is not None and now["data"] == spares["data"]

    await stage.until("it holds the same keys as before", mended)


async def lost_spare(stage: Stage) -> None:
    """Revoke the spare key at the provider."""
    lost = spare(await stage.view.pool(POOL))
    stage.begin("spare lost", "The spare key is revoked behind keypool's back")
    stage.show(f"somebody deletes key {lost} at the provider's console")
    await stage.simulator.delete_key(lost)

    async def withdrawn() -> bool:
        return lost not in published(await stage.view.secret(SPARES))

    await stage.until("keypool has noticed: the key is out of the Secret", withdrawn)

    async def replaced() -> bool:
        now = active(await stage.view.pool(POOL))
        return len(now) == 2 and lost not in now and published(await stage.view.secret(SPARES)) == now

    await stage.until("another one has taken its place", replaced)
    await table(stage)


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
    found = [f"Secret {name}" for name in (POOL, SPARES) if await stage.view.secret(name) is not None]
    try:
        await stage.view.pool(POOL)
    except NotFound:
        return found
    return [*found, f"pool {POOL}"]


async def table(stage: Stage) -> None:
    """What an administrator sees."""
    for line in (await stage.kubectl("get", "akp", POOL)).splitlines():
        stage.remark(line)
