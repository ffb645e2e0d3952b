"""The ways in which a leaked key may be kept alive, and those that look like it."""

import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

from keypool.cluster import paths
from keypool_lab.simulator import Fault
from tests.cluster.leaks.scene import Scene
from tests.cluster.team import PROVIDER, pool_manifest
from tests.waiting import eventually

Step = Callable[[Scene], Awaitable[None]]
BEYOND_THE_LISTING_LAG = timedelta(seconds=10)
BEYOND_THE_ACTIVATION_LAG = 31.0
"""Seconds."""
LONGER_THAN_THE_NEXT_TRY_WAITS = 80.0
LONGER_THAN_A_LISTING_TELLS = 15 * 60.0
HEALTH = {"probeEvery": "5s", "failureThreshold": 1}


# -- the Secret cannot be written


async def a_policy_refuses(scene: Scene) -> None:
    await scene.refuse_writes()


async def a_webhook_is_down(scene: Scene) -> None:
    await scene.break_a_webhook()


async def the_secret_is_immutable(scene: Scene) -> None:
    await scene.edit_secret(immutable=True)


async def the_secret_is_deleted_and_a_quota_is_used_up(scene: Scene) -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}
    await scene.team.apply({**quota, "spec": {"hard": {"count/secrets": "0"}}})
    path = f"/api/v1/namespaces/{scene.team.namespace}/resourcequotas/none/status"
    full = {"hard": {"count/secrets": "0"}, "used": {"count/secrets": "0"}}
    await scene.team.client.patch(path, {"status": full})
    await eventually(lambda: _is_full(scene), 15, "the quota refuses another Secret")
    await scene.team.client.delete(paths.secret(scene.team.namespace, "chat"))


async def _is_full(scene: Scene) -> bool:
    args = ("-n", scene.team.namespace, "create", "secret", "generic", "one-more", "--dry-run=server")
    return (await scene.team.cluster.kubectl(*args)).returncode != 0


# -- no successor can be made


async def the_pool_is_suspended(scene: Scene) -> None:
    await scene.team.patch("chat", suspend=True)
    await scene.team.until("chat", lambda pool: pool["status"].get("nextAction") == "suspended")


async def the_provider_is_down(scene: Scene) -> None:
    await scene.fault("status", "any", status=503)


async def the_provider_throttles(scene: Scene) -> None:
    await scene.fault("throttle", "create", retry_after="600")


async def the_provider_refuses_to_create(scene: Scene) -> None:
    await scene.fault("status", "create", status=422)


async def the_answers_of_create_calls_are_lost(scene: Scene) -> None:
    await scene.fault("cut", "create")


async def no_key_is_judged(scene: Scene) -> None:
    await scene.fault("status", "validate", status=503)


async def a_slot_is_stopped(scene: Scene) -> None:
    scene.simulator.faults.add(Fault.model_validate({"kind": "cut", "match": "create", "count": 2}))
    await scene.team.annotate("chat", rotate="once")
    for count in (1, 2):
        await eventually(partial(_are_held, scene, count), 40, f"{count} answers are lost")
    await scene.later(LONGER_THAN_A_LISTING_TELLS)


async def _are_held(scene: Scene, count: int) -> bool:
    await scene.later(LONGER_THAN_THE_NEXT_TRY_WAITS / 2)
    keys = (await scene.team.status()).get("keys") or ()
    return len([key for key in keys if key["state"] == "held"]) == count


async def new_keys_are_rejected(scene: Scene) -> None:
    scene.simulator.switches.reject_since = time.time()
    await scene.team.annotate("chat", rotate="once")

    async def stopped() -> bool:
        await scene.later(BEYOND_THE_ACTIVATION_LAG)
        return (await scene.team.condition("chat", "Stalled")).get("reason") == "NewKeysRejected"

    await eventually(stopped, 40, "three new keys are rejected")


async def the_guard_holds(scene: Scene) -> None:
    others = [pool_manifest(name, size=2, health=HEALTH) for name in ("two", "three")]
    await scene.team.apply(*others)
    for name in ("two", "three"):
        await scene.team.ready(name)
    scene.simulator.switches.reject_all = True
    await scene.later(6)
    for name in ("two", "three"):
        await scene.team.poke(name)
    await scene.team.has("chat", "Healthy", "False", "MostKeysRejected", deadline=30)


async def the_provider_object_is_gone(scene: Scene) -> None:
    await scene.team.client.delete(paths.provider(scene.team.namespace, PROVIDER))
    await scene.team.has("chat", "Stalled", "True", "ProviderNotFound")


async def the_credential_is_rejected(scene: Scene) -> None:
    await scene.simulator.set_admin_key("admin-something-else-entirely")


async def the_account_changed(scene: Scene) -> None:
    await scene.simulator.open_account("another-accounts-key")
    scene.clock.advance(BEYOND_THE_LISTING_LAG)
    await scene.use_credential("another-accounts-key")
    await scene.provider_is("AccountChanged")
    await scene.operator.restart()
    scene.clock.advance(BEYOND_THE_LISTING_LAG)
    await scene.provider_is("AccountChanged")
    await scene.team.poke()
    await scene.team.has("chat", "Stalled", "True", "ProviderNotReady", deadline=30)


# -- it cannot be revoked


async def deleting_is_refused(scene: Scene) -> None:
    await scene.fault("status", "delete", status=400)


async def deleting_fails(scene: Scene) -> None:
    await scene.fault("status", "delete", status=503)


async def deleting_is_answered_and_not_done(scene: Scene) -> None:
    await scene.fault("html", "delete", when="before")


async def deleting_is_confirmed_and_not_done(scene: Scene) -> None:
    await scene.fault("lie", "delete")


# -- the ledger


async def the_ledger_cannot_be_read(scene: Scene) -> None:
    await scene.edit_ledger("{}")
    await scene.operator.start()


async def the_ledger_is_missing_and_the_provider_down(scene: Scene) -> None:
    await scene.edit_ledger(None)
    await scene.fault("status", "any", status=503)
    await scene.operator.start()


async def the_ledger_is_restored_and_the_provider_down(scene: Scene) -> None:
    before = await scene.ledger_text()
    await scene.team.annotate("chat", rotate="once")
    await scene.team.changes(await scene.team.value(), deadline=30)
    await scene.team.considered()
    await scene.edit_ledger(before)
    await scene.fault("status", "any", status=503)
    await scene.operator.start()


async def the_cluster_is_another_one(scene: Scene) -> None:
    await scene.operator.stop()
    path = paths.secret(scene.ledgers.namespace, "keypool-installation")
    await scene.team.client.patch(path, {"stringData": {"cluster": "0" * 64}})
    await scene.operator.start()


# -- what does not keep the answer from coming


async def nothing(scene: Scene) -> None:
    """As always."""


async def the_secret_is_deleted(scene: Scene) -> None:
    await scene.team.client.delete(paths.secret(scene.team.namespace, "chat"))


async def somebody_relabels_the_secret(scene: Scene) -> None:
    await scene.edit_secret(metadata={"labels": {"app.kubernetes.io/managed-by": "Helm"}})


async def a_policy_rewrites_a_label(scene: Scene) -> None:
    await scene.rewrite_label("app.kubernetes.io/managed-by")


async def a_policy_rewrites_a_label_of_ours(scene: Scene) -> None:
    await scene.rewrite_label("keypool.dev/published")


async def the_namespace_is_deleted(scene: Scene) -> None:
    await scene.team.client.delete(f"/api/v1/namespaces/{scene.team.namespace}")
