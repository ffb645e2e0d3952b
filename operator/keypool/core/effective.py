"""The spec with every tunable filled in. Purely computational.

These defaults are not in the CRD's schema: they may improve with a release, and status shows what is in force.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal

from keypool.api.duration import render
from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.capabilities import Capabilities
from keypool.core.limits import NO_IDENTITY, Identity, Limits, SpendLimit

LIFETIME = timedelta(hours=720)
EVERY = timedelta(hours=24)
AGE, ASKED_BEFORE = timedelta(hours=2160), timedelta(hours=168)
"""Of a key that people made: how old it may become, and how long before they are asked for another at most."""
OVERLAP = timedelta(minutes=10)
QUIET = timedelta(hours=1)
PROBE_EVERY = timedelta(minutes=5)
LONGEST_RENEW_BEFORE = timedelta(hours=1)
FAILURE_THRESHOLD = 3
MAX_SURGE = 1
ALERT_AT = (80, 100)


@dataclass(frozen=True, slots=True)
class Effective:
    """What is in force for a pool."""

    size: int
    lifetime: timedelta
    every: timedelta
    renew_before: timedelta
    overlap_min: timedelta
    quiet: timedelta
    max_surge: int
    probe_every: timedelta
    failure_threshold: int
    scopes: tuple[str, ...]
    limits: Limits
    alert_at: tuple[int, ...]
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()

    def template(self, provider_uid: str, identity: Identity = NO_IDENTITY, *, changes_limits: bool = False) -> str:
        """Identifies all that a key has from birth: another template needs another key. Limits are not part of it where
        they are changed in place, but for whether keys share one. Nor are tags and metadata, which only account for a
        key: another cost centre must not rotate a thousand keys at once."""
        limits, parts = self.limits, list[object]([provider_uid, sorted(self.scopes)])
        if not changes_limits:
            parts += [limits.requests_per_minute]
            parts += [sorted(limits.models)] if limits.models else []
            parts += [str(limits.spend)] if limits.spend else []
        elif limits.spend is not None and limits.spend.shared:
            parts += ["shared"]
        parts += [asdict(identity)] if identity != NO_IDENTITY else []
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def as_status(self) -> dict[str, str | int]:
        """The tunables as `status.effective` shows them."""
        return {
            "lifetime": render(self.lifetime),
            "every": render(self.every),
            "renewBefore": render(self.renew_before),
            "overlapMin": render(self.overlap_min),
            "quiet": render(self.quiet),
            "maxSurge": self.max_surge,
            "probeEvery": render(self.probe_every),
            "failureThreshold": self.failure_threshold,
        }


def effective(spec: ApiKeyPoolSpec, capabilities: Capabilities | None) -> Effective:
    """Fills in the defaults; the provider's longest lifetime caps ours. While there is no provider to go by, the spec
    tells whether people make the keys."""
    by_people = spec.keys_from is not None if capabilities is None else not capabilities.creates_keys
    lifetime = spec.key.lifetime or ((spec.rotation.every or AGE) if by_people else LIFETIME)
    if capabilities and capabilities.max_lifetime:
        lifetime = min(lifetime, capabilities.max_lifetime)
    rotation, overlap = spec.rotation, spec.rotation.overlap
    every = rotation.every or (lifetime if by_people else EVERY)
    given = rotation.renew_before
    renew_before = (
        given if given is not None else min(ASKED_BEFORE if by_people else LONGEST_RENEW_BEFORE, lifetime / 10)
    )
    return Effective(
        size=spec.size,
        lifetime=lifetime,
        every=every,
        renew_before=renew_before,
        overlap_min=overlap.min if overlap and overlap.min is not None else min(OVERLAP, lifetime / 2, every),
        quiet=rotation.quiet if rotation.quiet is not None else min(QUIET, lifetime / 2, every),
        max_surge=rotation.max_surge or MAX_SURGE,
        probe_every=spec.health.probe_every or PROBE_EVERY,
        failure_threshold=spec.health.failure_threshold or FAILURE_THRESHOLD,
        scopes=spec.key.scopes or (),
        alert_at=(spec.key.spend_limit.alert_at if spec.key.spend_limit else None) or ALERT_AT,
        limits=Limits(
            requests_per_minute=spec.key.rate_limit.requests_per_minute if spec.key.rate_limit else None,
            spend=spend_limit_of(spec),
            models=tuple(sorted(spec.key.models or ())),
        ),
        tags=tuple(sorted(spec.key.tags or ())),
        metadata=tuple(sorted((spec.key.metadata or {}).items())),
    )


def spend_limit_of(spec: ApiKeyPoolSpec) -> SpendLimit | None:
    """What the spec says of spending. A pool of one key shares its limit with nobody."""
    limit = spec.key.spend_limit
    if limit is None:
        return None
    return SpendLimit(Decimal(limit.amount), limit.period, shared=limit.scope == "Pool" and spec.size > 1)
