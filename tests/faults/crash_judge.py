"""Says whether a crash lost anything. The provider's record is the truth; the ledger is what the operator knows."""

from collections.abc import Iterable
from typing import Any

from keypool.cluster.errors import NotFound
from keypool_lab.simulator.record import Key
from tests.cluster.canaries import leaks
from tests.cluster.team import Object
from tests.faults.stage import SIZE, SURGE, Stage

LOST = {"held", "owed"}
GONE: dict[str, Any] = {"pool": None, "secrets": {}, "ledger": None}
"""The end state of a pool that was deleted."""


async def frozen_state_is_safe(stage: Stage, pool: str, *, ends: bool, serving: bool) -> None:
    """What must hold at any instant, also while no operator runs. `ends`: a published key was ended outside."""
    ledger = await stage.ledger(pool) or {"keys": []}
    unknown = {key.name for key in stage.live(pool)} - {key["name"] for key in ledger["keys"]}
    assert not unknown, "a key lives upstream that no ledger names"
    if serving:
        published = await stage.team.values(pool)
        dead = published - {key.value for key in stage.live(pool)}
        assert len(dead) <= ends, "a key is published that the provider does not accept"


async def end_state(stage: Stage, pool: str) -> dict[str, Any] | None:
    """What a pool has come to, without ids, values and times; None while the parts do not agree with each other."""
    try:
        obj = await stage.team.pool(pool)
    except NotFound:
        return await _end_without_pool(stage, pool)
    ledger = await stage.ledger(pool) or {"keys": []}
    values = await stage.team.values(pool)
    kept = [key for key in ledger["keys"] if key["state"] not in LOST]
    live = {key.value for key in stage.live(pool) if key.name not in _lost(ledger)}
    told = set(await stage.team.relay_values(pool))
    if {key.get("value") for key in kept} != values or values != live or values != told:
        return None
    return {"pool": _status(obj), "secrets": await _secrets(stage, pool), "ledger": _ledger(obj, ledger, kept)}


def _to_be_revoked(ledger: Object) -> bool:
    """An owed key with a handle goes yet: a busy machine may take longer than the deletion's deadline."""
    return any(key.get("handle") for key in ledger["keys"])


async def _end_without_pool(stage: Stage, pool: str) -> dict[str, Any] | None:
    ledger = await stage.ledger(pool)
    lost = _lost(ledger)
    owes_only = ledger is None or (lost and len(lost) == len(ledger["keys"]) and not _to_be_revoked(ledger))
    gone = owes_only and not {key.name for key in stage.live(pool)} - lost and not await stage.team.values(pool)
    return dict(GONE) if gone else None


def _lost(ledger: Object | None) -> set[str]:
    return {key["name"] for key in (ledger or {"keys": []})["keys"] if key["state"] in LOST}


def _status(obj: Object) -> dict[str, Any]:
    status = obj.get("status") or {}
    conditions = {c["type"]: (c["status"], c["reason"]) for c in status.get("conditions") or ()}
    if (status.get("counts") or {}).get("held") and conditions.get("Revoked") == ("False", "AnswerLost"):
        conditions["Revoked"] = ("True", "NothingOutstanding")  # a held intent is told, as it should be
    counts = {name: number for name, number in (status.get("counts") or {}).items() if name not in LOST and number}
    keys = sorted((key["slot"], key["state"]) for key in status.get("keys") or () if key["state"] not in LOST)
    same = {name: status.get(name) for name in ("keysSummary", "replicas", "effective")}
    current = status.get("observedGeneration") == obj["metadata"]["generation"]
    return {**same, "conditions": conditions, "counts": counts, "keys": keys, "current": current}


def _ledger(obj: Object, ledger: Object, kept: list[Object]) -> dict[str, Any]:
    facts = ("handle", "value", "created_at", "published_at", "unpublished_at")
    keys = sorted(
        (key["slot"], key["state"], key.get("asked"), tuple(fact for fact in facts if key.get(fact))) for key in kept
    )
    asked = (obj["metadata"].get("annotations") or {}).get("keypool.dev/rotate")
    return {
        "keys": keys,
        "rotation handled": ledger.get("handled_rotate") == asked,
        "primary": ledger.get("primary") in {key["name"] for key in kept},
        "satisfied": ledger.get("satisfied_generation") == obj["metadata"]["generation"],
        "rejected": ledger.get("rejected_in_a_row"),
    }


async def _secrets(stage: Stage, pool: str) -> dict[str, Any]:
    return {suffix: sorted(await stage.team.secret_data(f"{pool}{suffix}")) for suffix in ("", "-pool", "-relay")}


def held(ledger: Object | None) -> int:
    """How many keys the ledger gave up finding: each may live upstream."""
    return len(_lost(ledger))


def orphans(stage: Stage, pool: str, ledger: Object | None) -> int:
    """Live keys upstream that no Secret and no revocation will ever reach."""
    lost = _lost(ledger)
    return sum(key.name in lost for key in stage.live(pool))


def most_at_once(keys: Iterable[Key]) -> int:
    """The most of these keys that lived at one moment."""
    changes = sorted(
        [(key.created, 1) for key in keys] + [(key.deleted, -1) for key in keys if key.deleted is not None]
    )
    level = most = 0
    for _, step in changes:
        level += step
        most = max(most, level)
    return most


def bound(ledger: Object | None) -> int:
    """The most keys that may live, without replacements of compromised ones: there are none here."""
    return 2 * SIZE + SURGE + held(ledger)


def no_value_is_logged(stage: Stage) -> None:
    """Neither a key's value nor the admin credential stands in what the processes wrote."""
    values = [stage.simulator.admin_key, *(key.value for key in stage.made())]
    assert not leaks(values, {"log": stage.supervisor.log.read_bytes()})


def is_settled(state: dict[str, Any] | None, *, deletes: bool) -> bool:
    """Whether an end state is one: a pool that was deleted is gone, every other has its keys and says so."""
    if state is None or deletes or state == GONE:
        return state == GONE and deletes
    ledger, status = state["ledger"], state["pool"]
    active = [(slot, "active") for slot in range(SIZE)]
    ready = status["conditions"].get("Ready", ("",))[0] == "True" and status["current"] and status["keys"] == active
    return bool(ready and [key[:2] for key in ledger["keys"]] == active and ledger["rotation handled"])


def difference(state: dict[str, Any] | None, wanted: dict[str, Any] | None) -> str:
    """What of an end state is not as it should be."""
    if state is None or wanted is None:
        return "ledger, Secrets and provider do not agree" if state is None else f"not settled: {state}"
    odd = (part for part in wanted if state[part] != wanted[part])
    return "; ".join(f"{part} is {state[part]} and not {wanted[part]}" for part in odd)
