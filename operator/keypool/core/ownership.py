"""Whose a Secret is, and which pool may have a contested name. Purely computational."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from keypool.core.ledger import Ledger
from keypool.core.observation import Problem
from keypool.core.projection import LABEL_POOL_UID
from keypool.core.reasons import Reason
from keypool.core.seal import is_newer
from keypool.core.views_secret import SecretView


def is_ours(view: SecretView, pool_uid: str, published: bool) -> bool:
    """Whether a Secret is this pool's: it is its owner; or, after the pool has `published`, only the owner reference
    was taken off, our label still stands and nobody else controls it."""
    if view.owner_uid is not None or view.controlled_by_other:
        return view.owner_uid == pool_uid
    return published and view.labels.get(LABEL_POOL_UID) == pool_uid


def problem_of(view: SecretView, pool_uid: str, adopt: bool, ledger: Ledger) -> Problem | None:
    """Why a pool may not write this existing Secret, None when it may.

    A Secret that was written from a newer ledger is never overwritten.
    """
    where = f"Secret {view.name}"
    ours = is_ours(view, pool_uid, ledger.publication > 0)
    controlled = view.controlled_by_other or view.owner_uid not in (None, pool_uid)
    if controlled or not (ours or adopt):
        whose = "is controlled by another object" if controlled else "is not ours"
        remedy = "delete it" if controlled else "delete it, or set spec.secret.creationPolicy to Adopt"
        return Problem(Reason.SECRET_FOREIGN, f"{where} exists and {whose}: {remedy}")
    if view.deleting:
        return Problem(Reason.SECRET_UNUSABLE, f"{where} is being deleted", stalls=False)
    if view.immutable:
        return Problem(Reason.SECRET_UNUSABLE, f"{where} is immutable; delete it to have it written anew")
    if view.type != "Opaque":
        return Problem(Reason.SECRET_UNUSABLE, f"{where} has type {view.type[:64]}; only Opaque can be written")
    if ours and is_newer(view, ledger):
        return Problem(Reason.SECRET_NEWER, f"{where} was written from a newer ledger than the operator has")
    return None


ANOTHER = "delete this pool and apply it again with another spec.secret.name"


@dataclass(frozen=True, slots=True)
class Claimant:
    """A pool that wants a Secret's name."""

    uid: str
    name: str
    created_at: datetime


def contest(me: Claimant, others: Iterable[Claimant], secret: str, owner_uid: str | None) -> Problem | None:
    """A contested name goes to the pool that owns the Secret, else to the older pool (then the smaller UID)."""
    rivals = [other for other in others if other.uid != me.uid]
    if not rivals or owner_uid == me.uid:
        return None
    winner = min([me, *rivals], key=lambda pool: (pool.uid != owner_uid, pool.created_at, pool.uid))
    if winner.uid == me.uid:
        return None
    return Problem(Reason.SECRET_CONTESTED, f"pool {winner.name} has the Secret's name {secret}; {ANOTHER}")
