"""Turns a Secret as the API server sends it into a `SecretView`; the values stay behind."""

import base64
import binascii
import hashlib
import re
import sys
from collections.abc import Mapping
from typing import Any

from keypool.cluster.client import FIELD_MANAGER
from keypool.cluster.paths import GROUP
from keypool.core.views_secret import SecretView

_A_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._/ -]{0,40}")


def secret_view(obj: Mapping[str, Any]) -> SecretView:
    """Parse a v1 Secret. Pure."""
    meta = obj["metadata"]
    controller = _controller(meta)
    ours = controller is not None and _is_pool(controller)
    return SecretView(
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        resource_version=meta["resourceVersion"],
        owner_uid=controller["uid"] if controller is not None and ours else None,
        controlled_by_other=controller is not None and not ours,
        type=obj.get("type") or "Opaque",
        immutable=bool(obj.get("immutable")),
        digests={key: digest(value) for key, value in (obj.get("data") or {}).items()},
        labels=dict(meta.get("labels") or {}),
        annotations=dict(meta.get("annotations") or {}),
        managed_labels=_managed(meta, "f:labels"),
        managed_annotations=_managed(meta, "f:annotations"),
        deleting="deletionTimestamp" in meta,
        other_manager=_other_manager(meta),
    )


def digest(encoded: str | None) -> str:
    """Hex SHA-256 of a `data` entry's decoded bytes. Pure."""
    try:
        return hashlib.sha256(base64.b64decode(encoded or "", validate=True)).hexdigest()
    except (binascii.Error, ValueError):
        return ""


def _controller(meta: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((owner for owner in meta.get("ownerReferences") or () if owner.get("controller")), None)


def _is_pool(owner: Mapping[str, Any]) -> bool:
    return owner.get("kind") == "ApiKeyPool" and str(owner.get("apiVersion")).split("/")[0] == GROUP


def _other_manager(meta: Mapping[str, Any]) -> str:
    """By name only: letters, digits and a few signs, as programs call themselves."""
    others = [
        entry
        for entry in meta.get("managedFields") or ()
        if entry.get("manager") != FIELD_MANAGER and "f:data" in (entry.get("fieldsV1") or {})
    ]
    last: Mapping[str, Any] = max(others, key=lambda entry: str(entry.get("time") or ""), default={})
    name = str(last.get("manager") or "")
    return sys.intern(name) if _A_NAME.fullmatch(name) else ""


def _managed(meta: Mapping[str, Any], which: str) -> frozenset[str]:
    entries = (entry for entry in meta.get("managedFields") or () if entry.get("manager") == FIELD_MANAGER)
    fields = ((entry.get("fieldsV1") or {}).get("f:metadata") or {} for entry in entries)
    return frozenset(
        name.removeprefix("f:") for owned in fields for name in owned.get(which) or {} if name.startswith("f:")
    )
