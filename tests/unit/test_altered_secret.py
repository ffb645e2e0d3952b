"""A published Secret that comes out of the API server otherwise than it went in."""

import base64
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.cache import ObjectCache
from keypool.cluster.ledgers import LedgerHandle
from keypool.cluster.publisher import SecretRefused
from keypool.core import actions as act
from keypool.core.lifecycle import KeyState
from keypool.core.plan import plan
from keypool.core.projection import Desired, project
from keypool.reconcile import objects
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.readings import claims
from keypool.reconcile.world import World
from tests.unit.core.builders import MINUTE, NOW, a_key, a_ledger, a_pool, a_spec, a_view, seen


class Admission:
    """An API server whose webhooks set these labels on whatever is written, and these entries."""

    def __init__(self, alters: dict[str, str] | None = None, **labels: str) -> None:
        self._labels, self._entries = labels, alters or {}
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
        data = {
            entry: base64.b64encode(text.encode()).decode() for entry, text in {**desired.data, **self._entries}.items()
        }
        return {"metadata": meta, "type": "Opaque", "data": data}


async def publish(admission: Admission) -> Memory:
    """Writes the three Secrets of a pool of two; what is remembered of it."""
    ledger, memory = a_ledger(a_key(0), a_key(1)), Memory()
    world = SimpleNamespace(publisher=admission, cache=ObjectCache(claims), now=lambda: NOW, random=lambda: 0.5)
    handle = SimpleNamespace(ledger=ledger)
    this = Pass(cast("World", world), seen(ledger=ledger, secrets={}), cast("LedgerHandle", handle), memory)
    await objects.publish(this, act.PublishSecrets(project(ledger, a_spec())))
    return memory


@pytest.mark.parametrize("label", ["team", "app.kubernetes.io_managed-by"])
async def test_a_secret_that_is_stored_as_it_was_written_is_published(label: str) -> None:
    memory = await publish(Admission(None, **{label: "somebody else's"}))
    assert not memory.wait_until


async def test_a_secret_whose_entries_are_altered_on_the_way_is_a_problem_and_not_written_again_at_once() -> None:
    admission = Admission({"apiKey": "another"})
    with pytest.raises(SecretRefused, match="altered on its way"):
        await publish(admission)
    assert admission.written == 3


async def test_a_label_of_ours_that_is_altered_is_mended_with_pauses_and_the_keys_count_as_published() -> None:
    memory = await publish(Admission(None, **{"keypool.dev_published": "no"}))
    assert memory.wait_until.keys() == {"adorn"}


def test_a_label_that_is_altered_each_time_is_told_and_holds_up_no_revocation() -> None:
    leaked = a_key(0, KeyState.DRAINING, asked="compromised")
    ledger = a_ledger(a_key(0), leaked)
    secret, relay = project(ledger, spec := a_spec(size=1))
    view = a_view(secret, labels={**secret.labels, "keypool.dev/published": "no"})
    o = seen(
        ledger=ledger,
        pool=a_pool(spec=spec),
        secrets={"web": view, "web-relay": a_view(relay)},
        wait_until={"adorn": NOW + MINUTE},
    )
    decided = plan(o, NOW)
    assert [problem.message for problem in decided.problems] == [
        "Secret web is altered on its way into the cluster, perhaps by an admission policy: "
        "label keypool.dev/published. Its keys are the right ones"
    ]
    assert act.RevokeKey(leaked.name) in decided.actions


def test_whoever_wants_another_managed_by_label_has_it() -> None:
    secret, _ = project(a_ledger(a_key(0)), a_spec(size=1))
    assert secret.equals(a_view(secret, labels={**secret.labels, "app.kubernetes.io/managed-by": "Helm"}))
