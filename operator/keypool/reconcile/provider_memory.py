"""What one leadership remembers of a provider object."""

from dataclasses import dataclass, field
from datetime import datetime

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.cluster.credentials import MAX_AGE
from keypool.core.brake import Grip
from keypool.core.observation import Problem
from keypool.reconcile.attempt import Attempt
from keypool.reconcile.demand import Demand
from keypool.reconcile.directory import Entry


@dataclass(slots=True)
class Looks:
    """`using` and `coming`: the attempts to prove what is in use, and what is to replace it;
    `failures`: looks in a row that ended badly; `told`: what the pools know; `judged_at`: the brake's last listing;
    `tried`: what the last look made, or had, a client of; `checked_in`: seconds until its credential may be checked."""

    using: Attempt = field(default_factory=Attempt)
    coming: Attempt = field(default_factory=Attempt)
    failures: int = 0
    told: tuple[Problem | None, Grip, Entry | None, str | None] | None = None
    judged_at: datetime | None = None
    checked_in: float = MAX_AGE
    demand: Demand = field(default_factory=Demand)
    tried: tuple[KeyProviderSpec, SecretStr] | None = field(default=None, repr=False)

    def is_another(self, spec: KeyProviderSpec, credential: SecretStr, known: Entry | None) -> bool:
        """Whether the last look tried something else, which neither client in use, or to come, was made from."""
        entries = (known, self.coming.entry)
        has = any(entry is not None and entry.has(spec, credential) for entry in entries)
        return not has and self.tried != (spec, credential)
