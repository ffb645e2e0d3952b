"""Asks `core.tenancy` about one pool: gathers what it goes by."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.tenancy import ClusterKeyProviderSpec, Tenant
from keypool.cluster.cache import ObjectCache
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Labels, Namespaces
from keypool.core.effective import Effective
from keypool.core.limits import Identity
from keypool.core.observation import PoolFacts, Problem
from keypool.core.reasons import Reason
from keypool.core.tenancy import Applicant, Holder, grant, held_slots, tenant_of
from keypool.reconcile.readings import moment

Object = Mapping[str, Any]


@dataclass(slots=True)
class _Read:
    """Of one generation of a ClusterKeyProvider: its tenants, and which of them a namespace with these labels is."""

    of: tuple[str, int]
    tenants: tuple[Tenant, ...]
    found: dict[str, tuple[Labels, Tenant | None]] = field(default_factory=dict)

    def tenant_in(self, namespace: str, labels: Labels) -> Tenant | None:
        known = self.found.get(namespace)
        if known is None or known[0] is not labels:
            known = self.found[namespace] = labels, tenant_of(self.tenants, labels)
        return known[1]


class Tenancy:
    """Decides for all pools of ClusterKeyProviders. `namespaces` tells their labels."""

    def __init__(self, cache: ObjectCache, ledgers: LedgerBook, namespaces: Namespaces) -> None:
        self._cache, self._ledgers, self._namespaces = cache, ledgers, namespaces
        self._read: dict[str, _Read] = {}

    async def grant(self, provider: Object, pool: PoolFacts, wishes: Effective) -> Identity | Problem:
        """As whom the pool's keys are made, or why none is. Raises KubeError."""
        name, read = provider["metadata"]["name"], self._tenants_of(provider)
        if read is None:
            text = f"the tenants of ClusterKeyProvider {name} cannot be read: its administrator has to correct its spec"
            return Problem(Reason.PROVIDER_NOT_READY, text, stalls=False)
        labels = {pool.namespace: await self._namespaces.labels(pool.namespace)}
        rivals = list[Object]()
        if _counts(read.tenant_in(pool.namespace, labels[pool.namespace])):
            named = map(self._cache.pool, self._cache.pools_of_provider("", name))
            rivals = [obj for obj in named if obj is not None]
            for place in {obj["metadata"]["namespace"] for obj in rivals}:
                labels[place] = await self._namespaces.labels(place)

        def pools_of(tenant: Tenant) -> Iterator[Holder]:
            own = ((obj, obj["metadata"]["namespace"]) for obj in rivals)
            return (self._holder(obj) for obj, place in own if read.tenant_in(place, labels[place]) is tenant)

        return grant(name, read.tenants, Applicant(pool.uid, pool.namespace, labels[pool.namespace], wishes), pools_of)

    def _tenants_of(self, provider: Object) -> _Read | None:
        """Parsed once for each generation; None where they cannot be read."""
        meta = provider["metadata"]
        generation, known = (meta["uid"], meta["generation"]), self._read.get(meta["name"])
        if known is None or known.of != generation:
            try:
                spec = ClusterKeyProviderSpec.model_validate(provider.get("spec") or {})
            except ValidationError:
                return None
            known = self._read[meta["name"]] = _Read(generation, spec.tenants)
        return known

    def _holder(self, obj: Object) -> Holder:
        """A pool that goes asks for nothing more."""
        meta, handle = obj["metadata"], self._ledgers.get(obj["metadata"]["uid"])
        held = held_slots(handle.ledger) if handle is not None else 0
        size = int((obj.get("spec") or {}).get("size", ApiKeyPoolSpec.model_fields["size"].default))
        return Holder(
            meta["uid"], moment(meta["creationTimestamp"]), held if "deletionTimestamp" in meta else size, held
        )


def _counts(tenant: Tenant | None) -> bool:
    """Whether it matters which other pools the tenant has."""
    return tenant is not None and (tenant.limits.pools is not None or tenant.limits.keys is not None)
