"""What the operator knows of the cluster without asking: pools, providers and published Secrets as last seen.

A provider's place is its namespace and name; a ClusterKeyProvider has the namespace "".

Fed by watches, by the resync and by the answers to our own writes, in any order: only a newer resourceVersion counts.
Nobody changes what is in here in place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Set
from enum import StrEnum
from typing import Any, TypeVar

from keypool.cluster.changed import Changed
from keypool.cluster.holders import Holders, holder_view
from keypool.cluster.indices import Index
from keypool.cluster.keeping import kept_object, kept_view, wanted_by
from keypool.cluster.secret_view import secret_view
from keypool.cluster.sizes import Sizes
from keypool.cluster.store import Entry, Store
from keypool.cluster.texts import Texts
from keypool.core.views_secret import SecretView

T = TypeVar("T")
Object = dict[str, Any]
Claims = Callable[[Object], tuple[str, ...]]


class Kind(StrEnum):
    """The kinds that are watched; the value is the plural in paths and metrics."""

    POOL = "apikeypools"
    PROVIDER = "keyproviders"
    CLUSTER_PROVIDER = "clusterkeyproviders"
    SECRET = "secrets"  # noqa: S105 - a plural, not a password
    HOLDER = "keyholders"


PROVIDERS = (Kind.PROVIDER, Kind.CLUSTER_PROVIDER)
OPTIONAL = (Kind.HOLDER,)
"""Where these are not installed, or may not be read, all else goes on."""


def watched(namespaces: tuple[str, ...]) -> tuple[Kind, ...]:
    """What has to be watched for these namespaces; none means the whole cluster. Whoever serves some namespaces alone
    has no rights to objects of the cluster."""
    needed = (kind for kind in Kind if kind not in OPTIONAL)
    return tuple(kind for kind in needed if not namespaces or kind is not Kind.CLUSTER_PROVIDER)


def followed(namespaces: tuple[str, ...]) -> tuple[Kind, ...]:
    """The same, and what is watched where it can be."""
    return (*watched(namespaces), *OPTIONAL)


def provider_place(pool: Mapping[str, Any]) -> tuple[str, str]:
    """Where the provider is that a pool's object names, whether it exists or not; ("", "") where it names none."""
    ref = (pool.get("spec") or {}).get("providerRef") or {}
    is_wide = ref.get("kind") == "ClusterKeyProvider" or not ref.get("name")
    return "" if is_wide else pool["metadata"]["namespace"], ref.get("name") or ""


def read_by_provider(provider: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets that a provider object reads."""
    spec = provider.get("spec") or {}
    auth = spec.get("auth") or {}
    refs = (auth.get("secretRef"), (auth.get("oauth2") or {}).get("secretRef"), spec.get("caSecretRef"))
    return {ref["name"] for ref in refs if ref and "name" in ref}


def read_by_pool(pool: Mapping[str, Any]) -> set[str]:
    """Names of the Secrets from which a pool takes its keys."""
    source = ((pool.get("spec") or {}).get("keysFrom") or {}).get("secretRef") or {}
    return {source["name"]} if source.get("name") else set()


class ObjectCache:
    """`claims(pool object)` names the Secrets, in the pool's namespace, that the pool wants to publish."""

    def __init__(self, claims: Claims) -> None:
        self._claims = claims
        self._pools: Store[Object] = Store()
        self._providers: Store[Object] = Store()
        self._cluster_providers: Store[Object] = Store()
        self._secrets: Store[SecretView] = Store()
        self.holders = Holders()
        self._stores: dict[Kind, Store[Any]] = {
            Kind.POOL: self._pools,
            Kind.PROVIDER: self._providers,
            Kind.CLUSTER_PROVIDER: self._cluster_providers,
            Kind.SECRET: self._secrets,
            Kind.HOLDER: self.holders,
        }
        self._texts = Texts()
        self._by_provider = Index()
        self._by_claim = Index()
        self.sizes = Sizes()
        self._readers = Index()
        self._outdated: set[tuple[str, str]] = set()
        self._moved: defaultdict[str, set[str]] = defaultdict(set)
        self.changed = Changed()

    def upsert(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Take an object as the API server sent it; False when it is no news."""
        entry = self.seen(kind, obj)
        if entry is None or not self.put(kind, entry):
            return False
        if kind is Kind.SECRET:
            self._outdated.discard((entry.namespace, entry.name))
        return True

    def seen(self, kind: Kind, obj: Mapping[str, Any]) -> Entry[Any] | None:
        """What is kept of an object, as the API server sent it: a bounded part. None when it is no news, and of a
        Secret that no pool claims."""
        identity = _identity(obj)
        namespace, name, *_ = identity
        if not self._is_news(kind, *identity):
            return None
        if kind is Kind.HOLDER:
            return Entry(*identity, holder_view(obj))
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
        if not self._is_news(kind, entry.namespace, entry.name, entry.uid, entry.version):
            return False
        if kind is Kind.POOL:
            self._put_pool(entry)
            return True
        replaced = self.store(kind).put(entry)
        if kind in PROVIDERS:
            if replaced is not None:
                self._readers.set(replaced.uid, set())
            self._readers.set(entry.uid, {(entry.namespace, name) for name in read_by_provider(entry.value)})
        return True

    def _is_news(self, kind: Kind, namespace: str, name: str, uid: str, version: int) -> bool:
        """Of an outdated Secret, the same version is news, too: less of it was kept than is wanted now."""
        if self.store(kind).is_news(namespace, name, uid, version):
            return True
        if kind is not Kind.SECRET or (namespace, name) not in self._outdated:
            return False
        known = self._secrets.by_uid(uid)
        return known is not None and known.version == version

    def remove(self, kind: Kind, obj: Mapping[str, Any]) -> bool:
        """Forget a deleted object, given as the API server sent it last; False when it was not known."""
        meta = obj["metadata"]
        return self.remove_uid(kind, meta["uid"], int(meta["resourceVersion"]))

    def remove_uid(self, kind: Kind, uid: str, version: int) -> bool:
        """Forget an object that was gone at that version; False when it was not known."""
        removed = self.store(kind).remove(uid, version)
        if removed is not None and kind is Kind.POOL:
            self._unindex(uid)
        if removed is not None and kind in PROVIDERS:
            self._readers.set(uid, set())
        return removed is not None

    def clear(self, kind: Kind) -> None:
        """Forget all objects of the kind: the API server's history was set back."""
        for entry in self.store(kind):
            if kind is Kind.POOL:
                self._unindex(entry.uid)
            elif kind in PROVIDERS:
                self._readers.set(entry.uid, set())
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

    def is_outdated(self, namespace: str, name: str) -> bool:
        """Whether pools want more of that Secret to be known than was when it was read: it has to be read anew."""
        return (namespace, name) in self._outdated

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

    def readers(self, namespace: str, secret_name: str) -> frozenset[str]:
        """UIDs of the providers and pools that read a Secret of that name; of a ClusterKeyProvider in namespace ""."""
        return self._readers.get((namespace, secret_name))

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
        known = [claimed for _, claimed in self._by_claim.terms(meta["uid"])]  # reading a spec costs more
        rivals = (self.pools_claiming(namespace, claimed) for claimed in known or self._claims(dict(obj)))
        return frozenset({meta["uid"]}).union(*rivals)

    def _put_pool(self, entry: Entry[Object]) -> None:
        before = self._pools.by_uid(entry.uid)
        replaced = self._pools.put(entry)
        if replaced is not None:
            self._unindex(replaced.uid)
        place = provider_place(entry.value)
        self._note_moved(entry.uid)
        self._by_provider.set(entry.uid, {place} if place[1] else set())
        self._note_moved(entry.uid)
        self._readers.set(entry.uid, {(entry.namespace, name) for name in read_by_pool(entry.value)})
        terms = {(entry.namespace, name) for name in self._claims(entry.value)}
        same = before is not None and _secret_asked(before.value) == _secret_asked(entry.value)
        self._doubt(terms - set(self._by_claim.terms(entry.uid)) if same else terms)
        self._claim(entry.uid, terms)

    def _doubt(self, terms: set[tuple[str, str]]) -> None:
        """Of these Secrets that is known which was wanted before: an annotation that is wanted now may be left out."""
        self._outdated |= {term for term in terms if self._secrets.by_name(*term) is not None}

    def _note_moved(self, uid: str) -> None:
        for namespace, name in self._by_provider.terms(uid):
            self.changed.note((namespace, name), uid)
            if not namespace:
                self._moved[name].add(uid)

    def _unindex(self, uid: str) -> None:
        self._note_moved(uid)
        self.sizes.drop(uid)
        self._by_provider.set(uid, set())
        self._readers.set(uid, set())
        self._claim(uid, set())

    def _claim(self, uid: str, terms: set[tuple[str, str]]) -> None:
        """What nobody claims any more is not kept."""
        for namespace, name in self._by_claim.set(uid, terms):
            self._secrets.discard(namespace, name)
            self._outdated.discard((namespace, name))


def _value(entry: Entry[T] | None) -> T | None:
    return None if entry is None else entry.value


def _identity(obj: Mapping[str, Any]) -> tuple[str, str, str, int]:
    meta = obj["metadata"]
    return meta.get("namespace") or "", meta["name"], meta["uid"], int(meta["resourceVersion"])


def _secret_asked(pool: Object) -> object:
    """What the pool wants of its Secrets."""
    return (pool.get("spec") or {}).get("secret")
