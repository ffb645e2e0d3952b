"""What the metrics show of a provider object, from the status that a look concludes."""

from typing import Any
from urllib.parse import urlsplit

from keypool.api.status import Condition as ConditionModel
from keypool.core.observation import Problem
from keypool.core.provider_situations import Standing
from keypool.core.reasons import Condition, Reason
from keypool.core.who import who_acts
from keypool.reconcile.directory import Entry
from keypool.reconcile.measures import abnormal_of
from keypool.reconcile.provider_report import report
from keypool.reconcile.reaching import is_there
from keypool.reconcile.world import World
from keypool.serve.providers import ProviderState

_NO_CREDENTIAL = frozenset(
    {
        Reason.CREDENTIAL_REJECTED,
        Reason.CREDENTIAL_MISSING,
        Reason.CONSENT_MISSING,
        Reason.ACCOUNT_CHANGED,
    }
)


def concluded(world: World, obj: dict[str, Any], standing: Standing, schedule: Problem | None) -> dict[str, Any]:
    """The status as the API server takes it; the metrics say the same. `schedule`: why the pools' schedule does not fit
    the budget."""
    uid = obj["metadata"]["uid"]
    entry = world.directory.get(uid)
    provider = entry.provider if entry is not None else None
    reached = entry is not None and entry.trusted and not standing.unasked and is_there(obj, entry)
    status = report(obj, standing, world.accounts.grip(uid), provider, world.now(), schedule, reached)
    world.metrics.providers.note(uid, provider_state(obj, status.conditions, standing, entry))
    return status.dump()


def is_told(obj: dict[str, Any], problem: Problem) -> bool:
    """Whether the status said so before."""
    told = (obj.get("status") or {}).get("conditions") or ()
    return any(condition.get("reason") == problem.reason for condition in told)


def provider_state(
    obj: dict[str, Any], conditions: tuple[ConditionModel, ...], standing: Standing, entry: Entry | None
) -> ProviderState:
    """`entry`: what is in use, None where nothing is."""
    meta, spec = obj["metadata"], obj.get("spec") or {}
    abnormal = abnormal_of(conditions)
    return ProviderState(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        kind=entry.spec.kind if entry is not None else "",
        ready=any(each.type == Condition.READY and each.status == "True" for each in conditions),
        conditions=abnormal,
        waits_for=who_acts(abnormal, wide="namespace" not in meta),
        credential=_credential(standing, entry, asked=spec.get("auth") is not None),
        accepted_at=entry.accepted.timestamp() if entry is not None and entry.accepted is not None else None,
        endpoints=tuple((urlsplit(each.url).netloc, each.state) for each in entry.provider.endpoints())
        if entry
        else (),
    )


def _credential(standing: Standing, entry: Entry | None, *, asked: bool) -> bool | None:
    """Of the one in use; whether a new one is refused, the conditions tell."""
    problem = standing.withheld or standing.problem
    if problem is not None:
        return False if asked and problem.reason in _NO_CREDENTIAL else None
    proves = entry is not None and entry.trusted and entry.provider.capabilities.lists_keys
    return True if proves else None
