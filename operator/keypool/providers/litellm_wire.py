"""What LiteLLM is sent, and what it answers."""

import re
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field

from keypool.core.limits import Limits, SpendLimit
from keypool.providers.adapter import Maybe, WireModel
from keypool.providers.errors import Rejected
from keypool.providers.numbers import Count, Moment, Money
from keypool.providers.pages import Entries
from keypool.providers.protocol import ListedKey, NewKey
from keypool.providers.strangers import named_otherwise

PAGE = 100
"""Keys that a listing shows at once."""
RESETS = {"Daily": "1d", "Weekly": "7d", "Monthly": "1mo"}
"""Periods of a budget, which LiteLLM aligns to midnight UTC, Mondays and the first of the month."""
DEMANDS_TAGS = "Required param tags not in data"
GIVE_TAGS = "give some in key.tags of the pool or liteLLM.tags of the provider"
OWN_TEAM = "kp."
_HANDLE = rf"(?P<hash>[0-9a-f]{{64}})(:(?P<team>{re.escape(OWN_TEAM)}[A-Za-z0-9._-]{{1,124}}))?"


class Made(WireModel):
    """The answer to a create call, whose other fields repeat the request, not the key as it is."""

    token: str = Field(pattern="^[0-9a-f]{64}$")


class Row(Made):
    """A key as it is listed."""

    key_alias: str | None = Field(default=None, max_length=1024)
    team_id: str | None = Field(default=None, max_length=1024)
    expires: Annotated[Moment | None, Maybe] = None
    blocked: bool | None = None
    spend: Annotated[Money | None, Maybe] = None
    last_active: Annotated[Moment | None, Maybe] = None
    budget_reset_at: Annotated[Moment | None, Maybe] = None
    budget_duration: Annotated[str | None, Maybe] = None

    @property
    def handle(self) -> str:
        """With the team where it is one of keypool's."""
        return handle_of(self.token, self.team_id)

    def listed(self) -> ListedKey:
        """As keypool lists it."""
        return ListedKey(self.handle, self.key_alias or "", None, not self.blocked, self.expires)


class Budget(WireModel):
    """What is enforced of a limit on spending: an answer without it tells nothing."""

    max_budget: Money | None
    budget_duration: str | None


class Limited(Budget):
    """What is enforced for a key."""

    rpm_limit: Count | None
    models: list[str] | None


class _LimitedRow(Made, Limited):
    """The same, as the key is listed."""


def _limited(row: _LimitedRow) -> tuple[str, Limited]:
    return row.token, row


class Changed(WireModel):
    """The answer to a change of a team."""

    data: Budget


class Total(WireModel):
    """What a page says of all of them."""

    total_count: Count


ROWS = Entries("keys", Row, lambda row: (row.token, row))
LIMITS = Entries("keys", _LimitedRow, _limited)
_OTHERS = named_otherwise("token", "key_alias", form="[0-9a-f]{64}")


def _passed(entry: dict[str, Any]) -> tuple[str, ListedKey] | None:
    """By the same handle as one that can be read: with its team."""
    if (found := _OTHERS(entry)) is None:
        return None
    (token, key), team = found, entry.get("team_id")
    return token, replace(key, handle=handle_of(token, team if isinstance(team, str) else None))


KEYS = Entries("keys", Row, lambda row: (row.token, row.listed()), _passed)


class Deleted(WireModel):
    deleted_keys: tuple[str, ...]


def accounting_body(key: NewKey, tags: tuple[str, ...]) -> dict[str, object]:
    """What its spending is accounted by. Names below a domain mean nothing to the proxy, as others of metadata do."""
    every = list(dict.fromkeys((*tags, *key.tags)))
    return {"metadata": dict(key.metadata), **({"tags": every} if every else {})}


def limits_body(limits: Limits) -> dict[str, object]:
    own = limits.spend if limits.spend is not None and not limits.spend.shared else None
    return {"rpm_limit": limits.requests_per_minute, "models": list(limits.models), **budget_body(own)}


def budget_body(limit: SpendLimit | None) -> dict[str, object]:
    if limit is None:
        return {"max_budget": None, "budget_duration": None}
    return {"max_budget": float(limit.amount), "budget_duration": RESETS.get(limit.period or "")}


def handle_of(token: str, team: str | None) -> str:
    return f"{token}:{team}" if team and team.startswith(OWN_TEAM) else token


def theirs(team: str | None) -> str | None:
    """The team, which must not look like one of keypool's: those are deleted with their last key."""
    if team and team.startswith(OWN_TEAM):
        raise Rejected(
            f"create a key in team {team}: ids that begin with {OWN_TEAM} are keypool's own; use another team"
        )
    return team


def parts_of(what: str, handle: str) -> tuple[str, str | None]:
    found = re.fullmatch(_HANDLE, handle)
    if found is None:
        raise Rejected(f"{what}: the handle is not one that LiteLLM gives")
    return found["hash"], found["team"]
