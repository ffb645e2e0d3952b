"""Whose a Secret is, and which pool may have a contested name. Purely computational."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from keypool.core import consent
from keypool.core.ledger import Adopted, Ledger
from keypool.core.observation import Problem
from keypool.core.projection import LABEL_POOL_UID, Desired
from keypool.core.reasons import Reason
from keypool.core.seal import is_newer
from keypool.core.views_secret import ANNOTATION_ADOPTED, SecretView

MANAGERS = (
    "reconcile.external-secrets.io/",
    "sealedsecrets.bitnami.com/",
    "secrets.hashicorp.com/",
    "argocd.argoproj.io/",
    "kustomize.toolkit.fluxcd.io/",
    "helm.toolkit.fluxcd.io/",
    "meta.helm.sh/",
)
"""What labels and annotations of other controllers begin with: they would undo what is written, or delete it."""


def is_ours(view: SecretView, pool_uid: str, published: bool, adopted: Adopted | None = None) -> bool:
    """Whether a Secret is this pool's: it is its owner; or, after the pool has `published`, only the owner reference
    was taken off, our label still stands and nobody else controls it; or it is the one that the pool took over."""
    if view.owner_uid is not None or view.controlled_by_other:
        return view.owner_uid == pool_uid
    is_adopted = adopted is not None and adopted.uid == view.uid
    return is_adopted or (published and view.labels.get(LABEL_POOL_UID) == pool_uid)


def problem_of(view: SecretView, pool_uid: str, adopt: bool, ledger: Ledger) -> Problem | None:
    """Why a pool may not write this existing Secret, None when it may.

    A Secret that was written from a newer ledger is never overwritten.
    """
    where = f"Secret {view.name}"
    ours = is_ours(view, pool_uid, ledger.publication > 0, ledger.adoption(view.name))
    controlled = view.controlled_by_other or view.owner_uid not in (None, pool_uid)
    if controlled or not (ours or adopt):
        whose = "is controlled by another object" if controlled else "is not ours"
        remedy = "delete it" if controlled else "delete it, or set spec.secret.creationPolicy to Adopt"
        return Problem(Reason.SECRET_FOREIGN, f"{where} exists and {whose}: {remedy}")
    if view.owner_uid != pool_uid and (problem := _not_to_be_adopted(view, pool_uid, ledger)) is not None:
        return problem
    if (problem := _unwritable(view, own=view.owner_uid == pool_uid)) is not None:
        return problem
    if ours and is_newer(view, ledger):
        return Problem(Reason.SECRET_NEWER, f"{where} was written from a newer ledger than the operator has")
    return None


def _unwritable(view: SecretView, *, own: bool) -> Problem | None:
    """`own`: keypool made it, so that nothing is lost when it is deleted. What was, or is to be, taken over holds other
    people's entries."""
    where = f"Secret {view.name}"
    remedy = "delete it to have it written anew" if own else "do not delete it for that: its owner has to make it anew"
    if view.deleting:
        return Problem(Reason.SECRET_UNUSABLE, f"{where} is being deleted", stalls=False)
    if view.immutable:
        return Problem(Reason.SECRET_UNUSABLE, f"{where} is immutable; {remedy}")
    if view.type != "Opaque":
        text = f"{where} has type {view.type[:64]}; only Opaque can be written: {remedy}"
        return Problem(Reason.SECRET_UNUSABLE, text)
    return None


def _not_to_be_adopted(view: SecretView, pool_uid: str, ledger: Ledger) -> Problem | None:
    """Why somebody else's Secret is not written: it has to say itself that it may be, also later on."""
    mine = view.labels.get(LABEL_POOL_UID) == pool_uid
    if mine and ledger.adoption(view.name) is None and ANNOTATION_ADOPTED not in view.annotations:
        return None  # our own, whose owner reference was taken off
    names = sorted(name for name in {*view.labels, *view.annotations} if name.startswith(MANAGERS))
    if names:
        text = f"Secret {view.name} is managed by another controller ({names[0]}): use another spec.secret.name"
        return Problem(Reason.SECRET_FOREIGN, text)
    refusal = consent.refused_target(view, ledger.pool, mine=mine)
    return Problem(Reason.CONSENT_MISSING, refusal) if refusal is not None else None


def is_adopted(view: SecretView, pool_uid: str, adopted: Adopted | None) -> bool:
    """Whether it is somebody else's that the pool took over: as the ledger says, or, where that was lost, its marks."""
    if view.owner_uid is not None or view.controlled_by_other:
        return False
    marked = view.labels.get(LABEL_POOL_UID) == pool_uid and ANNOTATION_ADOPTED in view.annotations
    return marked or (adopted is not None and adopted.uid == view.uid)


def adopted_entries(view: SecretView, adopted: Adopted | None) -> tuple[str, ...]:
    """The entries that were written into it."""
    if adopted is not None and adopted.uid == view.uid:
        return adopted.entries
    return tuple(filter(None, view.annotations.get(ANNOTATION_ADOPTED, "").split(",")))


def adoptions(
    ledger: Ledger, views: Mapping[str, SecretView], adoptable: Mapping[str, SecretView], wanted: Iterable[Desired]
) -> tuple[Adopted, ...]:
    """What the ledger has to know before these Secrets are written: which of them are somebody else's, and which of
    their entries are ours. What was made anew is our own."""
    found = []
    for desired in wanted:
        known, view = ledger.adoption(desired.name), views.get(desired.name) or adoptable.get(desired.name)
        if view is None or view.owner_uid is not None:
            continue
        if desired.name in adoptable or is_adopted(view, ledger.pool_uid, known):
            entries = tuple(dict.fromkeys((*adopted_entries(view, known), *desired.data)))
            found.append(Adopted(secret=desired.name, uid=view.uid, entries=entries))
    others = tuple(each for each in ledger.adopted if each.secret not in {desired.name for desired in wanted})
    return (*others, *found)


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
