"""What is said in keypool's webhook protocol, as docs/providers/webhook.openapi.yaml describes it."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from keypool.core.capabilities import Capabilities
from keypool.core.limits import Identity, Limits
from keypool.providers.adapter import WireModel
from keypool.providers.numbers import Count, Money, utc
from keypool.providers.pages import Entries
from keypool.providers.protocol import ListedKey, NewKey
from keypool.providers.strangers import named_otherwise

ABILITY = {
    "setsExpiry": "expiry",
    "changesLimits": "update",
    "disablesKeys": "disable",
    "setsSpendLimit": "spendLimit",
    "setsRateLimit": "rateLimit",
    "limitsAccount": "rateLimit",
    "setsScopes": "scopes",
    "setsModels": "models",
    "tellsLastUse": "lastUse",
    "tellsUsage": "usage",
}
"""What the spec calls a capability to what the protocol calls it."""
ID = r"^[A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127}$"
VALUE = r"^[!-~]{8,4096}$"

Id = Annotated[str, Field(pattern=ID)]
Aware = Annotated[AwareDatetime, AfterValidator(utc)]


class Abilities(WireModel):
    """Which account it is, and what can be done with its keys."""

    protocol: Literal[1]
    account: str = Field(max_length=253)
    capabilities: dict[str, Any]

    def has(self, name: str) -> bool:
        """Whether the server can do what the spec names so."""
        wanted = {"setsRateLimit": "key", "limitsAccount": "account"}.get(name, True)
        return bool(self.capabilities.get(ABILITY[name]) == wanted)


class Named(WireModel):
    """A key by its id."""

    id: Id


class Created(Named):
    """A key that was made just now."""

    value: str = Field(pattern=VALUE, repr=False)
    expires_at: Aware | None = Field(default=None, alias="expiresAt")


class Listed(Named):
    """A key as it is listed."""

    name: str | None = Field(max_length=1000)
    active: bool
    expires_at: Aware | None = Field(default=None, alias="expiresAt")


def _kept(key: Listed) -> tuple[str, ListedKey]:
    return key.id, ListedKey(key.id, key.name or "", None, key.active, key.expires_at)


KEYS = Entries("keys", Listed, _kept, named_otherwise("id", "name", form=ID))


class Next(WireModel):
    """What a page says of the one after it."""

    next: str | None = Field(default=None, pattern=r"^[!-~]{1,1024}$")


class Probed(WireModel):
    """Whether a value is accepted."""

    accepted: bool


class Told(WireModel):
    """What a key was used for."""

    spend: Money | None = None
    requests: Count | None = None
    last_used_at: Aware | None = Field(default=None, alias="lastUsedAt")


def terms_of(key: NewKey, can: Capabilities) -> dict[str, object]:
    """What the pool asks for; what it does not is left out."""
    terms: dict[str, object] = {
        "name": key.name,
        "owner": key.owner,
        "scopes": list(key.scopes),
        **limits_of(key.limits),
    }
    terms["identity"] = _identity(key.identity)
    if can.sets_expiry:
        terms["lifetimeSeconds"] = max(int(key.lifetime.total_seconds()), 1)
    return {name: term for name, term in terms.items() if term}


def limits_of(limits: Limits) -> dict[str, object]:
    """Without those that are the server's default."""
    terms: dict[str, object] = {"requestsPerMinute": limits.requests_per_minute, "models": list(limits.models) or None}
    if limits.spend is not None:
        period = {"period": limits.spend.period.lower()} if limits.spend.period else {}
        terms["spendLimit"] = {"amount": float(limits.spend.amount), **period}
    return terms


def _identity(identity: Identity) -> str:
    """The protocol has one name for whom a key is made for, whatever kind of thing that is upstream."""
    return identity.team or identity.project or identity.workspace
