"""A reported leak, whatever stands in the way: the key is dead soon, or a condition, an Event and a metric say that it
is not, and why."""

from collections.abc import AsyncIterator

import pytest

from keypool_lab.simulator import Simulator
from tests.cluster.leaks import ways
from tests.cluster.leaks.scene import Scene
from tests.cluster.ledgers import Ledgers
from tests.cluster.people import KeyMaker, published
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Object, Team, pool_manifest
from tests.upstreams.plain import Plain
from tests.upstreams.server import fingerprint
from tests.waiting import eventually

POOL = pool_manifest(health=ways.HEALTH)


def by_name(way: ways.Step) -> str:
    """As the test is called."""
    return getattr(way, "__name__", "")


@pytest.fixture
async def scene(
    operator: Operator, provider: str, team: Team, simulator: Simulator, ledgers: Ledgers, *, clock: Clock
) -> AsyncIterator[Scene]:
    """A pool of one key that is Ready."""
    one = Scene(operator, team, simulator, ledgers, clock)
    await team.apply(POOL)
    await team.ready()
    yield one
    await one.unregister()
    if not operator.running:
        await operator.start()


TOLD: dict[ways.Step, str] = {
    ways.a_policy_refuses: "still in the Secret",
    ways.a_webhook_is_down: "still in the Secret",
    ways.the_secret_is_immutable: "SecretUnusable",
    ways.the_secret_is_deleted_and_a_quota_is_used_up: "not proven dead",
    ways.the_pool_is_suspended: "CompromiseWaits",
    ways.the_provider_is_down: "Provider",
    ways.the_provider_throttles: "ProviderThrottled",
    ways.the_provider_refuses_to_create: "KeyRefused",
    ways.the_answers_of_create_calls_are_lost: "not proven dead",
    ways.no_key_is_judged: "Provider",
    ways.a_slot_is_stopped: "AnswerLost",
    ways.new_keys_are_rejected: "NewKeysRejected",
    ways.the_guard_holds: "MostKeysRejected",
    ways.the_provider_object_is_gone: "ProviderNotFound",
    ways.the_credential_is_rejected: "ProviderNotReady",
    ways.the_account_changed: "ProviderNotReady",
    ways.deleting_is_refused: "RevocationRefused",
    ways.deleting_fails: "not proven dead",
    ways.deleting_is_answered_and_not_done: "not proven dead",
    ways.deleting_is_confirmed_and_not_done: "not proven dead",
    ways.the_ledger_is_restored_and_the_provider_down: "LedgerRestored",
    ways.the_ledger_cannot_be_read: "LedgerUnreadable",
    ways.the_ledger_is_missing_and_the_provider_down: "LedgerMissing",
    ways.the_cluster_is_another_one: "ClusterChanged",
}


@pytest.mark.parametrize("way", TOLD, ids=by_name)
async def test_a_reported_leak_that_is_not_contained_is_told_with_the_reason(scene: Scene, way: ways.Step) -> None:
    leaked = await scene.team.value() or ""
    await way(scene)
    await scene.team.annotate("chat", compromised=fingerprint(leaked))
    await scene.is_told(TOLD[way])
    assert leaked in {key.value for key in scene.simulator.record.live_keys()}, "nothing was told without need"
    status = await scene.team.status()
    assert "compromised" not in (status.get("handled") or {}), "nothing says that it is done"
    assert leaked not in await scene.everything_said()


CONTAINED: tuple[ways.Step, ...] = (
    ways.nothing,
    ways.the_secret_is_deleted,
    ways.somebody_relabels_the_secret,
    ways.a_policy_rewrites_a_label,
    ways.a_policy_rewrites_a_label_of_ours,
)


@pytest.mark.parametrize("way", CONTAINED, ids=by_name)
async def test_a_reported_leak_is_contained(scene: Scene, way: ways.Step) -> None:
    leaked = await scene.team.value() or ""
    await way(scene)
    await scene.team.annotate("chat", compromised=fingerprint(leaked))
    await scene.is_contained(leaked)
    assert (await scene.team.condition("chat", "Ready"))["status"] == "True"


async def test_a_held_key_that_is_reported_is_told(scene: Scene) -> None:
    await scene.fault("cut", "create", count=1)
    await scene.team.annotate("chat", rotate="once")
    pool = await scene.team.until("chat", _holds_one, 30)
    (held,) = [key["name"] for key in pool["status"]["keys"] if key["state"] == "held"]
    await scene.team.annotate("chat", compromised=held)
    assert held in (await scene.is_told("AnswerLost"))["message"]


def _holds_one(pool: Object) -> bool:
    return any(key["state"] == "held" for key in pool["status"].get("keys") or ())


async def test_a_leaked_key_that_people_made_is_told_until_they_revoke_it(
    operator: Operator,
    team: Team,
    console: Plain,
    person: KeyMaker,
    *,
    simulator: Simulator,
    ledgers: Ledgers,
    clock: Clock,
) -> None:
    (leaked,) = await published(team, person)
    scene = Scene(operator, team, simulator, ledgers, clock)
    await team.annotate("chat", compromised=leaked)
    await scene.is_told("ValuesMissing")
    await person.put(next=await person.make())
    await team.changes(leaked)
    await scene.is_told("ManualRevocation")
    assert leaked not in await scene.everything_said()


async def test_a_leak_in_a_namespace_that_terminates_is_contained(scene: Scene) -> None:
    leaked = await scene.team.value() or ""
    await scene.team.annotate("chat", compromised=fingerprint(leaked))
    await ways.the_namespace_is_deleted(scene)

    async def dead() -> bool:
        return leaked not in {key.value for key in scene.simulator.record.live_keys()}

    await eventually(dead, 60, "the leaked key is dead")


@pytest.mark.parametrize(
    "way",
    [ways.a_policy_refuses, ways.the_pool_is_suspended, ways.the_provider_refuses_to_create],
    ids=by_name,
)
async def test_now_revokes_without_a_successor(scene: Scene, way: ways.Step) -> None:
    leaked = await scene.team.value() or ""
    await way(scene)
    await scene.team.annotate("chat", compromised=f"{fingerprint(leaked)}!now@today")

    async def dead() -> bool:
        return leaked not in {key.value for key in scene.simulator.record.live_keys()}

    await eventually(dead, 30, "the leaked key is dead")
    await scene.team.has("chat", "Ready", "False", deadline=30)


@pytest.mark.parametrize("form", ["{}", '"{}"', "Bearer {}", "{}, nobody's", "API_KEY={}"])
async def test_a_pasted_value_is_revoked_and_never_repeated(scene: Scene, form: str) -> None:
    leaked = await scene.team.value() or ""
    await scene.team.annotate("chat", compromised=form.format(leaked))
    await scene.team.changes(leaked, deadline=30)

    async def dead() -> bool:
        return leaked not in {key.value for key in scene.simulator.record.live_keys()}

    await eventually(dead, 30, "the leaked key is dead")
    assert leaked not in await scene.everything_said()


@pytest.mark.parametrize("annotation", ["compromised", "rotate", "clear-lost", "abandon", "undo-revoke", "revoked"])
async def test_what_is_nobodys_is_repeated_nowhere(scene: Scene, annotation: str) -> None:
    canary = "sk-somebody-elses-0123456789abcdef"
    await scene.team.annotate("chat", **{annotation: canary})
    if annotation == "compromised":
        await scene.is_told("entry 1, 34 characters")
    await scene.team.considered()
    assert canary not in await scene.everything_said()
    assert canary not in str(await scene.ledgers.read())
