"""A Secret is seen as digests, its controller, and the labels and annotations that are ours."""

import base64
import hashlib
from typing import Any

import pytest

from keypool.cluster.secret_view import secret_view

POOL = {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "uid": "pool-uid", "controller": True}


def secret(**meta: Any) -> dict[str, Any]:
    """A Secret as the API server sends it."""
    base = {"namespace": "ns", "name": "s", "uid": "u", "resourceVersion": "7"}
    return {"metadata": base | meta, "data": {"apiKey": base64.b64encode(b"value").decode(), "empty": ""}}


def test_digests_are_of_the_decoded_bytes() -> None:
    assert secret_view(secret()).digests == {
        "apiKey": hashlib.sha256(b"value").hexdigest(),
        "empty": hashlib.sha256(b"").hexdigest(),
    }


@pytest.mark.parametrize(
    ("owners", "owner_uid", "other"),
    [
        ([], None, False),
        ([POOL], "pool-uid", False),
        ([{**POOL, "controller": False}], None, False),
        ([{**POOL, "apiVersion": "apps/v1", "kind": "Deployment"}], None, True),
        ([{**POOL, "apiVersion": "keypool.dev.evil/v1"}], None, True),
        ([{**POOL, "kind": "KeyProvider"}], None, True),
    ],
)
def test_the_controller_is_a_pool_or_somebody_else(
    owners: list[dict[str, Any]], owner_uid: str | None, other: bool
) -> None:
    view = secret_view(secret(ownerReferences=owners))
    assert (view.owner_uid, view.controlled_by_other) == (owner_uid, other)


def test_only_what_our_field_manager_owns_counts_as_managed() -> None:
    def entry(manager: str, name: str) -> dict[str, Any]:
        owned: dict[str, Any] = {
            "f:metadata": {"f:labels": {".": {}, f"f:{name}": {}}, "f:annotations": {f"f:a-{name}": {}}}
        }
        return {"manager": manager, "fieldsV1": owned}

    view = secret_view(secret(managedFields=[entry("keypool", "ours"), entry("kubectl", "theirs"), {"manager": "x"}]))
    assert view.managed_labels == {"ours"}
    assert view.managed_annotations == {"a-ours"}
