"""Asks `core.tenancy` about one pool: gathers what it goes by."""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.tenancy import ClusterKeyProviderSpec, Tenant
from keypool.cluster.cache import ObjectCache, provider_place
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import NONE, Labels, Namespaces
from keypool.core.effective import Effective
from keypool.core.limits import Identity
from keypool.core.observation import PoolFacts, Problem
from keypool.core.reasons import Reason
from keypool.core.roll import Holder, Roll
from keypool.core.tenancy import Applicant, grant, held_slots, is_refused, tenant_of
from keypool.reconcile.readings import moment

Object = Mapping[str, Any]


@dataclass(slots=True)
class _Read:
    """Of one generation of a ClusterKeyProvider, and of one `version` of the namespaces' labels: its tenants, which of
    them a namespace with these labels is, and the pools of each (by its place among them) that are counted. `refused`:
    those that were, when they asked last, for something else than their number."""

    of: tuple[str, int]
    version: int
    tenants: tuple[Tenant, ...]
    found: dict[str, tuple[Labels, Tenant | None]] = field(default_factory=dict)
    rolls: dict[str, Roll] = field(default_factory=dict)
    rolled: dict[str, Roll] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    filled: bool = False

    def tenant_in(self, namespace: str, labels: Labels) -> Tenant | None:
        known = self.found.get(namespace)
        if known is None or known[0] is not labels:
            known = self.found[namespace] = labels, tenant_of(self.tenants, labels)
        return known[1]

    def note(self, applicant: Applicant) -> None:
        """Whether the pool is refused, whatever others its tenant has."""
        tenant = self.tenant_in(applicant.namespace, applicant.labels)
        refused = tenant is not None and is_refused(tenant, applicant)
        (self.refused.add if refused else self.refused.discard)(applicant.uid)

    def roll(self, tenant: Tenant) -> Roll:
        return self.rolls.setdefault(tenant.name, Roll(tenant.limits))

    def place(self, uid: str, holder: Holder | None, roll: Roll | None) -> None:
        """Where the pool counts now; None for nowhere."""
        before = self.rolled.pop(uid, None)
        if before is not None and (before is not roll or holder is None):
            before.drop(uid)
        if roll is not None and holder is not None:
            roll.put(holder)
            self.rolled[uid] = roll


class Tenancy:
    """Decides for all pools of ClusterKeyProviders. `namespaces` tells their labels; `touch` has a pool looked at by
    its UID: one that was refused, and would not be now."""

    def __init__(
        self,
        cache: ObjectCache,
        ledgers: LedgerBook,
        namespaces: Namespaces,
        touch: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cache, self._ledgers, self._namespaces, self._touch = cache, ledgers, namespaces, touch
        self._read: dict[str, _Read] = {}

    async def grant(self, provider: Object, pool: PoolFacts, wishes: Effective) -> Identity | Problem:
        """As whom the pool's keys are made, or why none is. Raises KubeError."""
        name, read = provider["metadata"]["name"], self._tenants_of(provider)
        if read is None:
            text = f"the tenants of ClusterKeyProvider {name} cannot be read: its administrator has to correct its spec"
            return Problem(Reason.PROVIDER_NOT_READY, text, stalls=False)
        labels = await self._namespaces.labels(pool.namespace)
        applicant = Applicant(pool.uid, pool.namespace, labels, wishes)
        if _counts(read.tenant_in(pool.namespace, labels)):
            read = await self._rolled(name, provider, read)
            read.note(applicant)
            self._place(read, pool.uid)
        answer = grant(name, read.tenants, applicant, read.roll)
        self._tell(read)
        return answer

    def look(self) -> None:
        """A pass ended: who was refused because of pools that went, or ask for less, may be admitted now."""
        for name, read in tuple(self._read.items()):
            moved = self._cache.moved(name)
            if read.filled and moved and read.version == self._namespaces.version and not self._unread(moved):
                self._settle(name, read)
                self._tell(read)

    def _tell(self, read: _Read) -> None:
        for roll in read.rolls.values():
            for uid in roll.admitted():
                self._touch(uid)

    def _tenants_of(self, provider: Object) -> _Read | None:
        """Parsed once for each generation; None where they cannot be read."""
        meta, version = provider["metadata"], self._namespaces.version
        generation, known = (meta["uid"], meta["generation"]), self._read.get(meta["name"])
        if known is None or known.of != generation:
            try:
                spec = ClusterKeyProviderSpec.model_validate(provider.get("spec") or {})
            except ValidationError:
                return None
            known = self._read[meta["name"]] = _Read(generation, version, spec.tenants)
        elif known.version != version:
            known = self._read[meta["name"]] = _Read(generation, version, known.tenants)
        return known

    async def _rolled(self, name: str, provider: Object, read: _Read) -> _Read:
        """With all pools counted. All that is awaited comes first: whoever asks meanwhile sees none of it half done."""
        gone = set[str]()
        while unread := self._unread(self._pending(name, read)) - gone:
            for place in unread:
                await self._namespaces.labels(place)
            gone |= {place for place in unread if self._namespaces.known(place) is None}
        read = self._tenants_of(provider) or read
        self._settle(name, read)
        return read

    def _pending(self, name: str, read: _Read) -> Set[str]:
        """UIDs of the pools that are to be counted anew: all of them for the first time."""
        return self._cache.moved(name) if read.filled else self._cache.pools_of_provider("", name)

    def _unread(self, pools: Iterable[str]) -> set[str]:
        """Their namespaces whose labels are not known."""
        places = {obj["metadata"]["namespace"] for obj in map(self._cache.pool, pools) if obj is not None}
        return {place for place in places if self._namespaces.known(place) is None}

    def _settle(self, name: str, read: _Read) -> None:
        pending = frozenset(self._pending(name, read))
        self._cache.settle(name)
        read.filled = True
        for uid in pending:
            self._place(read, uid)

    def _place(self, read: _Read, uid: str) -> None:
        obj = self._cache.pool(uid)
        if obj is None:
            read.refused.discard(uid)
            return read.place(uid, None, None)
        place = obj["metadata"]["namespace"]
        tenant = read.tenant_in(place, self._namespaces.known(place) or NONE)
        counted = tenant if _counts(tenant) and self._is_named(read, obj) else None
        return read.place(
            uid, self._holder(obj, refused=uid in read.refused), read.roll(counted) if counted is not None else None
        )

    def _is_named(self, read: _Read, pool: Object) -> bool:
        """Whether the pool still names this provider."""
        named = self._cache.provider(*place) if not (place := provider_place(pool))[0] else None
        return named is not None and named["metadata"]["uid"] == read.of[0]

    def _holder(self, obj: Object, *, refused: bool) -> Holder:
        """A pool that goes asks for nothing more."""
        meta, handle = obj["metadata"], self._ledgers.get(obj["metadata"]["uid"])
        held = held_slots(handle.ledger) if handle is not None else 0
        size = int((obj.get("spec") or {}).get("size", ApiKeyPoolSpec.model_fields["size"].default))
        size = held if "deletionTimestamp" in meta else size
        return Holder(meta["uid"], moment(meta["creationTimestamp"]), size, held, refused)


def _counts(tenant: Tenant | None) -> bool:
    """Whether it matters which other pools the tenant has."""
    return tenant is not None and (tenant.limits.pools is not None or tenant.limits.keys is not None)
