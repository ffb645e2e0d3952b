"""What the operator knows of the cluster without asking: pools, providers and published Secrets as last seen.

A provider's place is its namespace and name; a ClusterKeyProvider has the namespace "".

Fed by watches, by the resync and by the answers to our own writes, in any order: only a newer resourceVersion counts.
Nobody changes what is in here in place.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Set
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from keypool.cluster.keeping import kept_object, kept_view, wanted_by
from keypool.cluster.secret_view import secret_view
from keypool.cluster.sizes import Sizes
from keypool.cluster.store import Entry, Store
from keypool.core.views_secret import SecretView

MOST_TEXTS, LONGEST_TEXT = 10_000, 512
"""Texts that are remembered, of so many characters at most, since they outlive their object; then it begins anew."""

T = TypeVar("T")
U = TypeVar("U", str, frozenset[str])
Object = dict[str, Any]
Claims = Callable[[Object], tuple[str, ...]]


class Kind(StrEnum):
    """The kinds that are watched; the value is the plural in paths and metrics."""

    POOL = "apikeypools"
    PROVIDER = "keyproviders"
    CLUSTER_PROVIDER = "clusterkeyproviders"
    SECRET = "secrets"  # noqa: S105 - a plural, not a password


PROVIDERS = (Kind.PROVIDER, Kind.CLUSTER_PROVIDER)


def watched(namespaces: tuple[str, ...]) -> tuple[Kind, ...]:
    """What is watched for these namespaces; none means the whole cluster. Whoever serves some namespaces alone has no
    rights to objects of the cluster."""
    return tuple(kind for kind in Kind if not namespaces or kind is not Kind.CLUSTER_PROVIDER)


def provider_place(pool: Mapping[str, Any]) -> tuple[str, str]:
    """Where the provider is that a pool's object names, whether it exists or not; ("", "") where it names none."""
    ref = (pool.get("spec") or {}).get("providerRef") or {}
    is_wide = ref.get("kind") == "ClusterKeyProvider" or not ref.get("name")
    return "" if is_wide else pool["metadata"]["namespace"], ref.get("name") or ""


class ObjectCache:
    """`claims(pool object)` names the Secrets, in the pool's namespace, that the pool wants to publish."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._pools: Store[Object] = Store()
        self._providers: Store[Object] = Store()
        self._cluster_providers: Store[Object] = Store()
        self._secrets: Store[SecretView] = Store()
        self._stores: dict[Kind, Store[Any]] = {
            Kind.POOL: self._pools,
            Kind.PROVIDER: self._providers,
            Kind.CLUSTER_PROVIDER: self._cluster_providers,
            Kind.SECRET: self._secrets,
        }
        self._texts = _Texts()
        self._by_provider = _Index()
        self._by_claim = _Index()
        self.sizes = Sizes()
        self._moved: defaultdict[str, set[str]] = defaultdict(set)

    def upsert(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Take an object as the API server sent it; False when it is no news."""
        entry = self.seen(kind, obj)
        return entry is not None and self.put(kind, entry)

    def seen(self, kind: Kind, obj: Mapping[str, Any]) -> Entry[Any] | None:
        """What is kept of an object, as the API server sent it: a bounded part. None when it is no news, and of a
        Secret that no pool claims."""
        identity = _identity(obj)
        namespace, name, *_ = identity
        if not self.store(kind).is_news(*identity):
            return None
        if kind is not Kind.SECRET:
            return Entry(*identity, self._texts.compact(kept_object(obj)))
        claimants = self.pools_claiming(namespace, name)
        if not claimants:
            self._secrets.discard(namespace, name)
            return None
        wanted = wanted_by(filter(None, map(self.pool, claimants)))
        return Entry(*identity, self._texts.compact_view(kept_view(secret_view(obj), wanted)))

    def put(self, kind: Kind, entry: Entry[Any]) -> bool:
        """Take what was `seen`; False when it is no news any more."""
        store = self.store(kind)
        if not store.is_news(entry.namespace, entry.name, entry.uid, entry.version):
            return False
        if kind is Kind.POOL:
            self._put_pool(entry)
        else:
            store.put(entry)
        return True

    def remove(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Forget a deleted object, given as the API server sent it last; False when it was not known."""
        meta = obj["metadata"]
        return self.remove_uid(kind, meta["uid"], int(meta["resourceVersion"]))

    def remove_uid(self, kind: Kind, uid: str, version: int) -> bool:
        """Forget an object that was gone at that version; False when it was not known."""
        removed = self.store(kind).remove(uid, version)
        if removed is not None and kind is Kind.POOL:
            self._unindex(uid)
        return removed is not None

    def clear(self, kind: Kind) -> None:
        """Forget all objects of the kind: the API server's history was set back."""
        if kind is Kind.POOL:
            for entry in self._pools:
                self._unindex(entry.uid)
        self.store(kind).clear()

    def store(self, kind: Kind) -> Store[Any]:
        """The objects of one kind."""
        return self._stores[kind]

    def pool(self, uid: str) -> Object | None:
        """The pool of that UID."""
        return _value(self._pools.by_uid(uid))

    def provider(self, namespace: str, name: str) -> Object | None:
        """The provider at that place."""
        store = self._providers if namespace else self._cluster_providers
        return _value(store.by_name(namespace, name))

    def provider_by_uid(self, uid: str) -> Object | None:
        """The provider of that UID."""
        return _value(self._providers.by_uid(uid)) or _value(self._cluster_providers.by_uid(uid))

    def secret(self, namespace: str, name: str) -> SecretView | None:
        """The Secret of that name, when it carries our label and a pool claims it."""
        return _value(self._secrets.by_name(namespace, name))

    def pools(self) -> Iterator[Object]:
        """All pools."""
        return (entry.value for entry in self._pools)

    def providers(self) -> Iterator[Object]:
        """All providers of namespaces and of the cluster."""
        return (entry.value for kind in PROVIDERS for entry in self.store(kind))

    def secrets(self) -> Iterator[SecretView]:
        """All Secrets with our label that pools claim."""
        return (entry.value for entry in self._secrets)

    def pools_of_provider(self, namespace: str, name: str) -> frozenset[str]:
        """UIDs of the pools that refer to the provider at that place, whether it exists or not."""
        return self._by_provider.get((namespace, name))

    def moved(self, name: str) -> Set[str]:
        """UIDs of the pools of that ClusterKeyProvider that came, changed or went since they were settled."""
        return self._moved.get(name, frozenset())

    def settle(self, name: str) -> None:
        """From now on none of them did."""
        self._moved.pop(name, None)

    def pools_claiming(self, namespace: str, secret_name: str) -> frozenset[str]:
        """UIDs of the pools that want to publish a Secret of that name."""
        return self._by_claim.get((namespace, secret_name))

    def pools_touched(self, kind: Kind, obj: Mapping[str, Any]) -> frozenset[str]:
        """UIDs of the pools that have to be looked at because the object appeared, changed or went.

        For a pool: itself, and the pools that claim the same Secrets. Call it before and after a removal when both
        matter.
        """
        meta = obj["metadata"]
        namespace, name = meta.get("namespace") or "", meta["name"]
        if kind in PROVIDERS:
            return self.pools_of_provider(namespace, name)
        if kind is Kind.SECRET:
            return self.pools_claiming(namespace, name)
        rivals = (self.pools_claiming(namespace, claimed) for claimed in self._claims(dict(obj)))
        return frozenset({meta["uid"]}).union(*rivals)

    def _put_pool(self, entry: Entry[Object]) -> None:
        replaced = self._pools.put(entry)
        if replaced is not None:
            self._unindex(replaced.uid)
        self.sizes.set(entry.uid, entry.namespace, (entry.value.get("spec") or {}).get("size") or 1)
        place = provider_place(entry.value)
        self._note_moved(entry.uid)
        self._by_provider.set(entry.uid, {place} if place[1] else set())
        self._note_moved(entry.uid)
        self._claim(entry.uid, {(entry.namespace, name) for name in self._claims(entry.value)})

    def _note_moved(self, uid: str) -> None:
        for namespace, name in self._by_provider.terms(uid):
            if not namespace:
                self._moved[name].add(uid)

    def _unindex(self, uid: str) -> None:
        self._note_moved(uid)
        self.sizes.drop(uid)
        self._by_provider.set(uid, set())
        self._claim(uid, set())

    def _claim(self, uid: str, terms: set[tuple[str, str]]) -> None:
        """What nobody claims any more is not kept."""
        for namespace, name in self._by_claim.set(uid, terms):
            self._secrets.discard(namespace, name)


class _Index:
    """Which UIDs belong to a term, kept when a UID's terms change."""

    def __init__(self) -> None:
        self._terms: dict[str, tuple[tuple[str, str], ...]] = {}
        self._uids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def terms(self, uid: str) -> tuple[tuple[str, str], ...]:
        return self._terms.get(uid, ())

    def get(self, term: tuple[str, str]) -> frozenset[str]:
        return frozenset(self._uids.get(term, ()))

    def set(self, uid: str, terms: set[tuple[str, str]]) -> list[tuple[str, str]]:
        """Returns the terms that are nobody's now."""
        left = list[tuple[str, str]]()
        for term in set(self._terms.pop(uid, ())) - terms:
            self._uids[term].discard(uid)
            if not self._uids[term]:
                del self._uids[term]
                left.append(term)
        for term in terms:
            self._uids[term].add(uid)
        if terms:
            self._terms[uid] = tuple(terms)
        return left


def _value(entry: Entry[T] | None) -> T | None:
    return None if entry is None else entry.value


def _identity(obj: Mapping[str, Any]) -> tuple[str, str, str, int]:
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"], meta["uid"], int(meta["resourceVersion"])


class _Texts:
    """Each text once: objects have most of theirs in common. (sys.intern would keep them for ever in Python 3.12.)"""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def compact(self, obj: Object) -> Object:
        """A copy that shares its texts."""
        self._bound()
        return {self._one(key): self._shared(value) for key, value in obj.items()}

    def compact_view(self, view: SecretView) -> SecretView:
        """Of a Secret. The names in its labels and annotations are the same for nearly all, and half of what it
        takes."""
        self._bound()
        return replace(
            view,
            digests=self._shared_names(view.digests),
            labels=self._shared_names(view.labels),
            annotations=self._shared_names(view.annotations),
            managed_labels=self._one(view.managed_labels),
            managed_annotations=self._one(view.managed_annotations),
        )

    def _shared_names(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {self._one(key): self._one(value) for key, value in texts.items()}

    def _bound(self) -> None:
        if len(self._known) > MOST_TEXTS:
            self._known.clear()

    def _shared(self, value: object) -> object:
        if isinstance(value, dict):
            return {self._one(key): self._shared(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._shared(item) for item in value]
        return self._one(value) if isinstance(value, str) else value

    def _one(self, text: U) -> U:
        if (len(text) if isinstance(text, str) else sum(map(len, text))) > LONGEST_TEXT:
            return text
        known: U = self._known.setdefault(text, text)
        return known
