"""`/_lab`: switches and questions for another process, with the admin key.

POST   /_lab/faults            a `Fault` as JSON          GET lists them, DELETE clears them
POST   /_lab/switches          {"listing_lag", "activation_lag", "reject_all", "reject_since", "words", "events",
                               "pause"}: those given are set
POST   /_lab/limits            {"rpm": {KEY: n}, "credit": {KEY: n}}: requests a minute, and how many are left; KEY is a
                               key's id, or "" for the account; null ends it
GET    /_lab/endpoints         the base URLs by name; POST /_lab/endpoints/{name}/{what}: close, kill or open one
POST   /_lab/keys/{id}/{what}  disable, enable or delete a key from outside; the id may be `newest`
POST   /_lab/admin-key         {"admin_key"}: another admin key from now on
GET    /_lab/record            keys and counts; `?values=1` with values, `?calls=use&since=…` with calls (or `any`)
"""

from dataclasses import asdict
from typing import Annotated, Any

from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from keypool.core.fingerprint import fingerprint
from keypool_lab.simulator.answers import refuse, same, unprocessable
from keypool_lab.simulator.dialects.operation import bearer
from keypool_lab.simulator.faults import Fault
from keypool_lab.simulator.options import Words
from keypool_lab.simulator.outside import KEY_CHANGES, change_key, set_admin_key
from keypool_lab.simulator.record import Key
from keypool_lab.simulator.state import STATE

Seconds = Annotated[float, Field(ge=0)]


class _Switches(BaseModel):
    model_config = ConfigDict(extra="forbid")
    listing_lag: Seconds = 0.0
    activation_lag: Seconds = 0.0
    reject_all: bool = False
    reject_since: Seconds | None = None
    words: Words = "holysheep"
    events: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    pause: Seconds = 0.0


class _Limits(BaseModel):
    model_config = ConfigDict(extra="forbid")
    rpm: dict[str, Annotated[int, Field(ge=0)] | None] = {}
    credit: dict[str, Annotated[int, Field(ge=0)] | None] = {}


class _AdminKey(BaseModel):
    admin_key: Annotated[str, Field(min_length=8, max_length=512)]


@web.middleware
async def admin_only(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets nobody in without the admin key; words malformed bodies as errors."""
    if not same(bearer(request), request.app[STATE].admin_key):
        return refuse(401, "Invalid API key")
    try:
        return await handler(request)
    except ValidationError as error:
        return unprocessable(error.errors())


async def add_fault(request: web.Request) -> web.Response:
    """Switches a fault on."""
    request.app[STATE].faults.add(Fault.model_validate_json(await request.read()))
    return web.Response(status=204)


async def list_faults(request: web.Request) -> web.Response:
    """Tells which faults are on."""
    return web.json_response({"faults": [fault.model_dump() for fault in request.app[STATE].faults.active()]})


async def clear_faults(request: web.Request) -> web.Response:
    """Switches all faults off."""
    request.app[STATE].faults.clear()
    return web.Response(status=204)


async def switch(request: web.Request) -> web.Response:
    """Sets the switches that are given."""
    given = _Switches.model_validate_json(await request.read())
    for name, value in given.model_dump(exclude_unset=True).items():
        setattr(request.app[STATE].switches, name, value)
    return web.Response(status=204)


async def limit(request: web.Request) -> web.Response:
    """Sets limits of keys or of the account."""
    given, limits = _Limits.model_validate_json(await request.read()), request.app[STATE].limits
    for values, kept in ((given.rpm, limits.rpm), (given.credit, limits.credit)):
        for who, value in values.items():
            kept.pop(who, None)
            kept.update({} if value is None else {who: value})
    return web.Response(status=204)


async def list_endpoints(request: web.Request) -> web.Response:
    """The base URLs of the further endpoints."""
    return web.json_response({name: door.url for name, door in request.app[STATE].doors.items()})


async def change_endpoint(request: web.Request) -> web.Response:
    """Closes, kills or opens a further endpoint."""
    door, what = request.app[STATE].doors.get(request.match_info["name"]), request.match_info["what"]
    changes = {"close": door.close, "kill": door.kill, "open": door.open} if door else {}
    if what not in changes:
        return refuse(404, "No such endpoint, or neither close, kill nor open")
    await changes[what]()
    return web.Response(status=204)


async def change(request: web.Request) -> web.Response:
    """Disables, enables or deletes a key behind everybody's back."""
    what = request.match_info["what"]
    if what not in KEY_CHANGES:
        return refuse(404, "A key can be disabled, enabled or deleted")
    key = await change_key(request.app[STATE], request.match_info["id"], what)
    return web.json_response({"id": key.id}) if key else refuse(404, "No such key")


async def change_admin_key(request: web.Request) -> web.Response:
    """Replaces the admin key; the old one is refused from now on, here too."""
    await set_admin_key(request.app[STATE], _AdminKey.model_validate_json(await request.read()).admin_key)
    return web.Response(status=204)


async def show_record(request: web.Request) -> web.Response:
    """The record as JSON; key values only when asked for."""
    record, query = request.app[STATE].record, request.query
    keys = record.keys()
    shown = [_shown(key, "values" in query) for key in keys]
    answer: dict[str, Any] = {"keys": shown, "mutations": record.mutations()}
    if kind := query.get("calls"):
        calls = record.calls(None if kind == "any" else kind, float(query.get("since", 0)))
        answer["calls"] = [{**asdict(call), "served": call.served} for call in calls]
    return web.json_response(answer)


def _shown(key: Key, with_value: bool) -> dict[str, Any]:
    shown = {**asdict(key), "fingerprint": fingerprint(SecretStr(key.value))}
    if not with_value:
        del shown["value"]
    return shown


def routes() -> list[web.RouteDef]:
    """The endpoints below `/_lab`."""
    return [
        web.post("/faults", add_fault),
        web.get("/faults", list_faults),
        web.delete("/faults", clear_faults),
        web.post("/switches", switch),
        web.post("/limits", limit),
        web.get("/endpoints", list_endpoints),
        web.post("/endpoints/{name}/{what}", change_endpoint),
        web.post("/keys/{id}/{what}", change),
        web.post("/admin-key", change_admin_key),
        web.get("/record", show_record),
    ]
