"""OpenAI's service accounts and keys, how they are shown, and its paging by cursor; see `openai`."""

import secrets
from dataclasses import dataclass, field
from typing import Annotated, Any, Self

from aiohttp import web
from pydantic import BaseModel, Field, StrictInt, model_validator

Lifetime = Annotated[StrictInt, Field(ge=1, le=31_536_000)]
"""Seconds."""


class NewAccount(BaseModel):
    """Body of POST …/service_accounts; the expiry is that of its first key."""

    name: str
    create_service_account_only: bool | None = None
    expires_in_seconds: Lifetime | None = None

    @model_validator(mode="after")
    def _expires_if_it_exists(self) -> Self:
        if self.create_service_account_only and self.expires_in_seconds is not None:
            raise ValueError("expires_in_seconds is for the first key, which create_service_account_only leaves out")
        return self


class KeyTerms(BaseModel):
    """Body of POST …/api_keys."""

    name: str | None = None
    scopes: tuple[str, ...] = ()
    expires_in_seconds: Lifetime | None = None


class KeyChanges(BaseModel):
    """Body of POST …/api_keys/{id}: scopes or expiry, at least one."""

    scopes: tuple[str, ...] | None = None
    expires_in_seconds: Lifetime | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.scopes is None and self.expires_in_seconds is None:
            raise ValueError("scopes or expires_in_seconds must be given")
        return self


@dataclass
class Account:
    """One service account; `created_at` in seconds since the epoch, like all times here."""

    id: str
    name: str
    role: str
    created_at: int
    project: str

    def shown(self) -> dict[str, Any]:
        """In answers."""
        shown = {name: value for name, value in vars(self).items() if name != "project"}
        return {"object": "organization.project.service_account", **shown}


@dataclass
class Key:
    """One key; no scopes: all that its owner may do. `value` shows in no repr."""

    id: str
    name: str
    owner: Account
    created_at: int
    expires_at: int | None
    scopes: tuple[str, ...]
    value: str = field(default_factory=lambda: f"sk-svcacct-{secrets.token_urlsafe(48)}", repr=False)
    last_used_at: int | None = None

    def expired(self, now: int) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at

    def may(self, scope: str) -> bool:
        """Whether its owner and its scopes allow that."""
        reads_all = scope.endswith(".read") and "api.all.read" in self.scopes
        return self.owner.role != "none" and (not self.scopes or scope in self.scopes or reads_all)

    def shown_once(self) -> dict[str, Any]:
        """The answer to its creation, with the value."""
        return {
            "object": "organization.project.service_account.api_key",
            "id": self.id,
            "name": self.name,
            "value": self.value,
            "created_at": self.created_at,
            "expires_at": self.expires_at,
        }

    def shown(self) -> dict[str, Any]:
        """In all other answers."""
        return {
            "object": "organization.project.api_key",
            "id": self.id,
            "name": self.name,
            "redacted_value": f"{self.value[:14]}...{self.value[-4:]}",
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "last_used_at": self.last_used_at,
            "owner_project_access": "inactive" if self.owner.role == "none" else "active",
            "owner": {"type": "service_account", "service_account": self.owner.shown()},
        }


def paged(entries: list[dict[str, Any]], request: web.Request) -> dict[str, Any]:
    """The page after the entry that `after` names (400 where there is none), 20 entries unless `limit` (1 to 100) says
    otherwise."""
    ids = [entry["id"] for entry in entries]
    after, asked = request.query.get("after"), request.query.get("limit", "20")
    if (after is not None and after not in ids) or not (asked.isdecimal() and 1 <= int(asked) <= 100):
        raise web.HTTPBadRequest(reason="after must be an id that is listed, and limit from 1 to 100")
    start, limit = ids.index(after) + 1 if after is not None else 0, int(asked)
    page = entries[start : start + limit]
    return {
        "object": "list",
        "data": page,
        "first_id": page[0]["id"] if page else None,
        "last_id": page[-1]["id"] if page else None,
        "has_more": start + limit < len(entries),
    }
