"""What Flux and kpt make of an object: the rules of kstatus (sigs.k8s.io/cli-utils) for kinds that it does not know."""

from collections.abc import Mapping
from typing import Any


def kstatus(obj: Mapping[str, Any]) -> str:
    """Terminating, InProgress, Failed or Current."""
    meta, status = obj["metadata"], obj.get("status") or {}
    if meta.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", meta["generation"]) != meta["generation"]:
        return "InProgress"
    conditions = [(each["type"], each["status"]) for each in status.get("conditions") or ()]
    for condition in conditions:  # the first that stands there decides
        if condition == ("Reconciling", "True"):
            return "InProgress"
        if condition == ("Stalled", "True"):
            return "Failed"
    ready = next((value for kind, value in conditions if kind == "Ready"), None)
    return "InProgress" if ready in {"False", "Unknown"} else "Current"
