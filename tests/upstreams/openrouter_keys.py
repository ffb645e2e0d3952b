"""A key of OpenRouter: its terms, its use and how it is shown. Resets are at midnight UTC, weeks begin on Monday
(https://openrouter.ai/docs/api/api-reference/api-keys/create-keys)."""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field

DEFAULT_WORKSPACE = "0df9e665-d932-5740-b2c7-b52af166bc11"
Reset = Literal["daily", "weekly", "monthly"]
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def _in_utc(moment: datetime) -> datetime:
    if moment.utcoffset() != timedelta(0):
        raise ValueError("must be in UTC")
    return moment


class KeyTerms(BaseModel):
    """Body of POST /keys. Unknown fields are ignored, as there is no `additionalProperties: false`."""

    name: Annotated[str, Field(min_length=1)]
    limit: float | None = None
    limit_reset: Reset | None = None
    include_byok_in_limit: bool = False
    expires_at: Annotated[AwareDatetime, AfterValidator(_in_utc)] | None = None
    workspace_id: Annotated[str, Field(pattern=_UUID)] = DEFAULT_WORKSPACE
    creator_user_id: Annotated[str, Field(min_length=1)] | None = None


class Changes(BaseModel):
    """Body of PATCH /keys/{hash}: what is absent stays as it is. An expiry cannot be changed."""

    name: str = ""
    disabled: bool = False
    limit: float | None = None
    limit_reset: Reset | None = None
    include_byok_in_limit: bool = False


@dataclass
class Key:
    """One key; `guardrail` is the one that it has, if any. `value` shows in no repr."""

    hash: str
    terms: KeyTerms
    created_at: datetime
    value: str = field(default_factory=lambda: f"sk-or-v1-{secrets.token_hex(32)}", repr=False)
    disabled: bool = False
    guardrail: str | None = None
    updated_at: datetime | None = None
    spent: list[tuple[datetime, float]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """As the console shows it; not unique."""
        return self.terms.name

    @property
    def workspace(self) -> str:
        """The id of the workspace that it is in."""
        return self.terms.workspace_id

    def works(self, now: datetime) -> bool:
        """Neither disabled nor expired."""
        return not self.disabled and (self.terms.expires_at is None or now < self.terms.expires_at)

    def change(self, changes: Changes, now: datetime) -> None:
        """Takes over what was sent."""
        sent = changes.model_dump(exclude_unset=True)
        self.disabled = sent.pop("disabled", self.disabled)
        self.terms = self.terms.model_copy(update=sent)
        self.updated_at = now

    def use(self, dollars: float, now: datetime) -> None:
        """Notes a use that cost so much."""
        self.spent.append((now, dollars))

    def usage(self, since: datetime | None = None) -> float:
        """US dollars, since then or ever."""
        return sum(dollars for moment, dollars in self.spent if since is None or moment >= since)

    def remaining(self, now: datetime) -> float | None:
        """Of the limit, in US dollars; None without one."""
        if self.terms.limit is None:
            return None
        reset = self.terms.limit_reset
        return self.terms.limit - self.usage(starts(now)[reset] if reset else None)

    def shown_to_itself(self, now: datetime) -> dict[str, Any]:
        """The answer of GET /key: neither hash nor name."""
        began, terms = starts(now), self.terms
        return {
            "label": f"{self.value[:12]}...{self.value[-3:]}",
            "limit": terms.limit,
            "limit_remaining": self.remaining(now),
            "limit_reset": terms.limit_reset,
            "include_byok_in_limit": terms.include_byok_in_limit,
            "usage": self.usage(),
            **{f"usage_{reset}": self.usage(since) for reset, since in began.items()},
            "byok_usage": 0,
            **{f"byok_usage_{reset}": 0 for reset in began},
            "expires_at": _text(terms.expires_at),
            "creator_user_id": terms.creator_user_id,
            "is_free_tier": False,
            "is_management_key": False,
            "is_provisioning_key": False,
            "rate_limit": {"interval": "10s", "requests": -1, "note": "This field is deprecated and safe to ignore."},
        }

    def shown(self, now: datetime) -> dict[str, Any]:
        """As a management key sees it."""
        only_itself = {"is_free_tier", "is_management_key", "is_provisioning_key", "rate_limit"}
        return {
            **{name: value for name, value in self.shown_to_itself(now).items() if name not in only_itself},
            "hash": self.hash,
            "name": self.name,
            "disabled": self.disabled,
            "created_at": _text(self.created_at),
            "updated_at": _text(self.updated_at),
            "last_used_at": _text(self.spent[-1][0]) if self.spent else None,
            "workspace_id": self.workspace,
            "external_user": None,
        }


def starts(now: datetime) -> dict[Reset, datetime]:
    """When the day, the week and the month that `now` (UTC) is in began."""
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return {"daily": day, "weekly": day - timedelta(days=day.weekday()), "monthly": day.replace(day=1)}


def tomorrow(now: datetime) -> datetime:
    """The next midnight UTC."""
    return starts(now)["daily"] + timedelta(days=1)


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
