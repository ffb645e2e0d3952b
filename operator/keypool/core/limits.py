"""What a provider enforces for a key, and whom it makes keys for. Plain values."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Period = Literal["Daily", "Weekly", "Monthly"]


@dataclass(frozen=True, slots=True)
class SpendLimit:
    """The most that may be spent, in US dollars: in each period (from midnight UTC, Monday, the first of the month),
    or altogether where `period` is None; by one key, or (`shared`) by all keys of one owner."""

    amount: Decimal
    period: Period | None = None
    shared: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What a provider enforces for one key. None, and no models, is the provider's default."""

    requests_per_minute: int | None = None
    spend: SpendLimit | None = None
    models: tuple[str, ...] = ()


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Identity:
    """Whom keys are made for upstream, where an administrator says so; "" is the account itself."""

    team: str = ""
    workspace: str = ""
    guardrail: str = ""
    project: str = ""


NO_IDENTITY = Identity()


def identity_digest(identity: Identity) -> str | None:
    """What a ledger remembers of whom a key was made for; None for the account itself."""
    if identity == NO_IDENTITY:
        return None
    return hashlib.sha256(json.dumps(asdict(identity), sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a key was used for since it was made: US dollars, requests, and when last; None where it is not told.

    `window_ends`: where the provider counts US dollars anew from time to time, when it does so next; or, where that is
    past, should have done so: it may be late.
    """

    spend: Decimal | None = None
    requests: int | None = None
    last_used_at: datetime | None = None
    window_ends: datetime | None = None
