"""A published Secret that comes out of the API server otherwise than it went in."""

import base64
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.cache import ObjectCache
from keypool.cluster.ledgers import LedgerHandle
from keypool.cluster.publisher import SecretRefused
from keypool.core import actions as act
from keypool.core.projection import Desired, project
from keypool.reconcile import objects
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.readings import claims
from keypool.reconcile.world import World
from tests.unit.core.builders import a_key, a_ledger, a_spec, seen


class Admission:
    """An API server whose webhooks set these labels on whatever is written."""

    def __init__(self, **labels: str) -> None:
        self._labels = labels
        self.written = 0

    async def write(self, _pool: object, desired: Desired, *_: object, **__: object) -> dict[str, Any]:
        """The Secret as stored."""
        self.written += 1
        meta: dict[str, Any] = {"namespace": "shop", "name": desired.name, "uid": desired.name, "resourceVersion": "1"}
        meta["labels"] = {**desired.labels, **{name.replace("_", "/"): text for name, text in self._labels.items()}}
        meta["annotations"] = dict(desired.annotations)
        meta["ownerReferences"] = [
            {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "uid": "pool-1", "controller": True}
        ]
        data = {entry: base64.b64encode(text.encode()).decode() for entry, text in desired.data.items()}
        return {"metadata": meta, "type": "Opaque", "data": data}


async def publish(admission: Admission) -> None:
    """Writes both Secrets of a pool of two."""
    ledger = a_ledger(a_key(0), a_key(1))
    world = SimpleNamespace(publisher=admission, cache=ObjectCache(claims))
    handle = SimpleNamespace(ledger=ledger)
    this = Pass(cast("World", world), seen(ledger=ledger, secrets={}), cast("LedgerHandle", handle), Memory())
    await objects.publish(this, act.PublishSecrets(project(ledger, a_spec())))


async def test_a_secret_that_is_stored_as_it_was_written_is_published() -> None:
    await publish(Admission(team="shop"))


async def test_a_secret_that_is_altered_on_its_way_is_a_problem_and_not_written_again_at_once() -> None:
    admission = Admission(**{"keypool.dev_published": "no"})
    with pytest.raises(SecretRefused, match="altered on its way"):
        await publish(admission)
    assert admission.written == 2
