"""Turns provider objects as the API server sends them into what is worked with."""

from typing import Any

from keypool.api.provider import KeyProviderSpec
from keypool.api.tenancy import ClusterKeyProviderSpec
from keypool.cluster.announcer import Subject


def account(obj: dict[str, Any]) -> KeyProviderSpec:
    """What a client is made from: whatever else a ClusterKeyProvider says is `reconcile.tenants`'. Raises
    ValidationError."""
    spec = obj.get("spec") or {}
    is_wide = "namespace" not in obj["metadata"]
    return ClusterKeyProviderSpec.model_validate(spec).account if is_wide else KeyProviderSpec.model_validate(spec)


def subject(obj: dict[str, Any]) -> Subject:
    meta = obj["metadata"]
    namespace = meta.get("namespace", "")
    return Subject("KeyProvider" if namespace else "ClusterKeyProvider", namespace, meta["name"], meta["uid"])
