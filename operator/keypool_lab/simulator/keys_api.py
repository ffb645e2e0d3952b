"""The admin side of the API: list, create, validate and delete keys.

The delete call is this project's assumption (204, then 404): the documented API has none. So is the header
`X-API-Key` for validation; the documented form is the query string, which ends up in access logs.
"""

import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BaseModel, Field, ValidationError

from keypool_lab.simulator.answers import refuse, unprocessable
from keypool_lab.simulator.dialects.operation import bearer
from keypool_lab.simulator.record import Key, Record
from keypool_lab.simulator.state import CONCERNS, STATE, State

KEY_HEADER = "X-API-Key"
MAX_DAYS = 30
Scope = Literal["chat:write", "embeddings:write"]


class CreateRequest(BaseModel):
    """Body of POST /keys."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    rate_limit_rpm: Annotated[int, Field(ge=1, le=1_000_000, strict=True)] = 3000
    scopes: Annotated[tuple[Scope, ...], Field(min_length=1)] = ("chat:write", "embeddings:write")
    expires_in_days: Annotated[int, Field(strict=True)] = MAX_DAYS


def _account(request: web.Request) -> Record | None:
    """The keys of the account that asks, None for no admin key of any."""
    return request.app[STATE].account_of(bearer(request))


def _refused() -> web.Response:
    return refuse(401, "Invalid API key")


async def list_keys(request: web.Request) -> web.Response:
    """GET /keys: every key that is not deleted, with its value, and with its name only if so configured."""
    state = request.app[STATE]
    now, account = state.clock(), _account(request)
    if account is None:
        return _refused()
    keys, lag = account.keys(), state.switches.listing_lag
    shown = [key for key in keys if key.deleted is None and key.created + lag <= now]
    return web.json_response({"keys": [_listed(key, state, now) for key in shown]})


async def create_key(request: web.Request) -> web.Response:
    """POST /keys: 201 when the key is on disk."""
    state = request.app[STATE]
    if (account := _account(request)) is None:
        return _refused()
    try:
        asked = CreateRequest.model_validate_json(await request.read())
    except ValidationError as error:
        malformed = error.errors()[0]["type"] == "json_invalid"
        return refuse(400, "The body is not JSON") if malformed else unprocessable(error.errors())
    if not 1 <= asked.expires_in_days <= MAX_DAYS:
        return refuse(400, f"expires_in_days must be between 1 and {MAX_DAYS}")
    key = _new(asked, state)
    await account.put(key)
    request[CONCERNS] = key.id
    return web.json_response({"id": key.id, "key": key.value, **_terms(key)}, status=201)


async def validate_key(request: web.Request) -> web.Response:
    """GET /keys/validate: whether the key in the header, or in the query, works."""
    state = request.app[STATE]
    if (account := _account(request)) is None:
        return _refused()
    header = None if state.options.query_only else request.headers.get(KEY_HEADER)
    value = header or request.query.get("key")
    if not value:
        return refuse(422, "query.key: Field required")
    key = account.by_value(value)
    if key:
        request[CONCERNS] = key.id
    return web.json_response({"is_valid": state.problem(key) is None})


async def delete_key(request: web.Request) -> web.Response:
    """DELETE /keys/{id}: 204, and 404 ever after."""
    state = request.app[STATE]
    if (account := _account(request)) is None:
        return _refused()
    request[CONCERNS] = request.match_info["id"]
    now = state.clock()
    ended = await account.change(request[CONCERNS], lambda key: replace(key, deleted=now, deleted_by="api"))
    return web.Response(status=204) if ended else refuse(404, "No such key")


def _new(asked: CreateRequest, state: State) -> Key:
    now = state.clock()
    return Key(
        id=f"key_{secrets.token_hex(8)}",
        name=asked.name,
        value=f"sk-hs-{secrets.token_urlsafe(32)}",
        created=now,
        expires=now + asked.expires_in_days * state.options.day,
        scopes=asked.scopes,
        rpm=asked.rate_limit_rpm,
    )


def _terms(key: Key) -> dict[str, Any]:
    expires = datetime.fromtimestamp(key.expires, UTC).isoformat()
    return {"expires_at": expires, "rate_limit_rpm": key.rpm, "is_active": key.disabled is None}


def _listed(key: Key, state: State, now: float) -> dict[str, Any]:
    name = {"name": key.name} if state.options.names else {}
    return {"id": key.id, "key": key.value, **name, **_terms(key), "is_active": key.live(now)}
