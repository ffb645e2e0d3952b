"""A pool that goes gives the Secret back that it took over, and is not held by one that may not be changed any more."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden
from keypool.cluster.ledgers import LedgerHandle
from keypool.cluster.publisher import Publisher
from keypool.core import actions as act
from keypool.core.ledger import Adopted, Ledger
from keypool.core.reasons import Reason
from keypool.reconcile import objects
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.reconcile.world import World
from tests.unit.core.builders import a_key, a_ledger, seen

Object = dict[str, Any]
TOLD = [("Warning", Reason.SECRET_UNUSABLE)]


class Cluster(KubeClient):
    """One Secret, which only those may write who have its word; as manifests/policy has it, or a webhook."""

    def __init__(self, secret: Object, *, refuses: bool) -> None:
        self.secret, self._refuses = secret, refuses

    async def get(self, path: str) -> Object:
        """The Secret."""
        return self.secret

    async def replace(self, path: str, obj: Mapping[str, Any]) -> Object:
        """Written, as the API server does it: what is immutable keeps its entries."""
        if self._refuses:
            raise Forbidden(path, details="denied by ValidatingAdmissionPolicy keypool")
        assert not self.secret.get("immutable") or obj["data"] == self.secret["data"]
        self.secret = dict(obj)
        return self.secret


def a_secret(labels: dict[str, str] | None = None, allow: str = "", **facts: Any) -> Object:
    """One that the pool took over."""
    marks = {"keypool.dev/adopted": "apiKey", "keypool.dev/allow": allow}
    meta = {"namespace": "shop", "name": "web", "uid": "s1", "resourceVersion": "1"}
    data = {"apiKey": "b3Vycw==", "precious": "dGhlaXJz"}
    return {"metadata": {**meta, "labels": labels or {}, "annotations": marks}, "data": data, **facts}


OURS = {"keypool.dev/published": "true", "keypool.dev/pool-uid": "pool-1", "team": "theirs"}
STUCK = {
    "its owner took back": (a_secret(), True),
    "its owner kept for a provider": (a_secret(allow="provider/web@https://api.example.com"), True),
    "is immutable": (a_secret(OURS, "pool/web", immutable=True), False),
}


async def remove(cluster: Cluster) -> tuple[list[tuple[str, Reason]], Ledger]:
    """What is told when the pool goes, and its ledger after that."""
    told: list[tuple[str, Reason]] = []
    adopted = (Adopted(secret="web", uid="s1", entries=("apiKey",)),)
    handle = SimpleNamespace(ledger=a_ledger(a_key(0)).model_copy(update={"adopted": adopted}))

    async def announce(_: object, kind: str, reason: Reason, __: str) -> None:
        told.append((kind, reason))

    async def update(change: Any) -> None:
        handle.ledger = change(handle.ledger)

    handle.update = update
    world = SimpleNamespace(publisher=Publisher(cluster), announcer=SimpleNamespace(announce=announce))
    this = Pass(cast("World", world), seen(secrets={}), cast("LedgerHandle", handle), Memory())
    await objects.remove_secrets(this, act.RemoveSecrets(("web",)))
    return told, handle.ledger


@pytest.mark.parametrize(("secret", "refuses"), STUCK.values(), ids=STUCK.keys())
async def test_a_pool_goes_and_tells_what_it_leaves_in_a_secret_that(secret: Object, refuses: bool) -> None:
    told, ledger = await remove(cluster := Cluster(secret, refuses=refuses))
    assert told == TOLD
    assert not ledger.adopted
    assert set(cluster.secret["data"]) == {"apiKey", "precious"}
    assert not cluster.secret["metadata"]["labels"].keys() & OURS.keys() - {"team"}


async def test_what_was_written_goes_and_nothing_is_told_where_the_secret_may_be_changed() -> None:
    told, _ = await remove(cluster := Cluster(a_secret(OURS, "pool/web"), refuses=False))
    assert told == []
    assert set(cluster.secret["data"]) == {"precious"}
    assert cluster.secret["metadata"]["labels"] == {"team": "theirs"}


@pytest.mark.parametrize("secret", [a_secret(OURS), a_secret(allow="pool/web")], ids=["has our labels", "consents"])
async def test_a_refusal_that_may_end_is_waited_for_where_the_secret(secret: Object) -> None:
    with pytest.raises(Forbidden):
        await remove(Cluster(secret, refuses=True))


KEPT = {
    "its Secret took its consent back": (True, True, True),
    "nobody looked at it yet": (False, False, True),
    "it can be read again": (True, False, False),
}


@pytest.mark.parametrize(("looked", "withheld", "stays"), KEPT.values(), ids=KEPT.keys())
@pytest.mark.parametrize("others", [True, False], ids=["others have keys", "nobody has keys"])
async def test_a_kept_credential_stays_for_the_keys_of_others_only_where(
    *, looked: bool, withheld: bool, stays: bool, others: bool
) -> None:
    """And for ever nowhere: it is kept against its owner's word."""
    dropped: set[str] = set()

    async def drop() -> None:
        """The ledger goes."""

    async def drop_kept(uids: frozenset[str], needed: Callable[[str], bool]) -> None:
        dropped.update(uid for uid in uids if not needed(uid))

    directory = SimpleNamespace(
        kept=lambda: frozenset({"p1"}), readable=lambda _: looked and not withheld, drop_kept=drop_kept
    )
    owed = SimpleNamespace(needed=lambda _, exists: others and not exists)
    world = SimpleNamespace(
        installed=SimpleNamespace(changed=None),
        directory=directory,
        ledgers=SimpleNamespace(owed=owed, unreadable=()),
        cache=SimpleNamespace(provider_by_uid=lambda _: {"metadata": {}}),
    )
    this = Pass(cast("World", world), seen(), cast("LedgerHandle", SimpleNamespace(drop=drop)), Memory())
    await objects.drop_ledger(this, act.DropLedger())
    assert dropped == (set() if stays and others else {"p1"})
