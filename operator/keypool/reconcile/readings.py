"""Turns objects as the API server sends them into facts. Pure; never raises for what a user may have written."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.api.status import Condition
from keypool.cluster.askers import misplaced
from keypool.core import asked
from keypool.core.annotations import ABANDON, CLEARED, COMPROMISED, OF_POOLS, REVOKED, ROTATE, UNDO
from keypool.core.observation import PoolFacts
from keypool.core.ownership import Claimant
from keypool.core.projection import secret_names

FINALIZER = "keypool.dev/keys"
REQUEST_LIMIT = asked.LONGEST + 1
"""Characters of an annotation that are taken along: one more than is read, so that it is told that it is cut."""


def moment(text: str) -> datetime:
    """A metav1.Time as an aware datetime."""
    return datetime.fromisoformat(text).astimezone(UTC)


def pool_facts(obj: Mapping[str, Any]) -> PoolFacts:
    """What a pool's object says, without its status, which is never an input."""
    meta = obj["metadata"]
    spec, error = _spec(obj)
    return PoolFacts(
        uid=meta["uid"],
        namespace=meta["namespace"],
        name=meta["name"],
        generation=meta["generation"],
        has_finalizer=FINALIZER in (meta.get("finalizers") or ()),
        created_at=moment(meta["creationTimestamp"]) if "creationTimestamp" in meta else None,
        deleted_at=moment(meta["deletionTimestamp"]) if "deletionTimestamp" in meta else None,
        rotate=request(obj, ROTATE),
        compromised=request(obj, COMPROMISED),
        cleared=request(obj, CLEARED),
        abandon=request(obj, ABANDON),
        undo=request(obj, UNDO),
        revoked=request(obj, REVOKED),
        spec=spec,
        spec_error=error,
        strays=misplaced(obj, OF_POOLS),
    )


def request(obj: Mapping[str, Any], annotation: str) -> str | None:
    """What a person asks of the object by this annotation, None for nothing."""
    annotations = obj["metadata"].get("annotations") or {}
    return str(annotations.get(annotation, ""))[:REQUEST_LIMIT] or None


def _spec(obj: Mapping[str, Any]) -> tuple[ApiKeyPoolSpec | None, str]:
    try:
        return ApiKeyPoolSpec.model_validate(obj.get("spec") or {}), ""
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return None, f"spec.{where}: {first['msg']}"[:300]


def claims(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of Secrets that a pool wants; none when its spec cannot be read."""
    spec, _ = _spec(obj)
    return secret_names(obj["metadata"]["name"], spec) if spec is not None else ()


def claimant(obj: Mapping[str, Any]) -> Claimant:
    """A pool as a rival for a Secret's name."""
    meta = obj["metadata"]
    return Claimant(meta["uid"], meta["name"], moment(meta["creationTimestamp"]))


def conditions(obj: Mapping[str, Any]) -> tuple[Condition, ...]:
    """The conditions that stand in the status, for their transition times alone; none when they were tampered with."""
    try:
        return ApiKeyPoolStatus.model_validate(obj.get("status") or {}).conditions
    except ValidationError:
        return ()
