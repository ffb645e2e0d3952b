"""The routes, and what happens around every call: latency, faults, the note in the record."""

import asyncio

from aiohttp import web
from aiohttp.typedefs import Handler

from keypool_lab.simulator import control, keys_api, use_api
from keypool_lab.simulator.answers import refuse
from keypool_lab.simulator.record import Call
from keypool_lab.simulator.spoil import spoil
from keypool_lab.simulator.state import CONCERNS, STATE, State

_KINDS: dict[object, str] = {
    keys_api.list_keys: "list",
    keys_api.create_key: "create",
    keys_api.validate_key: "validate",
    keys_api.delete_key: "delete",
    use_api.chat: "use",
    use_api.embeddings: "use",
}


def application(state: State) -> web.Application:
    """The API under `/v1`, the lab's control under `/_lab`."""
    root = web.Application()
    api = web.Application(middlewares=[_observe])
    lab = web.Application(middlewares=[control.admin_only])
    root[STATE] = api[STATE] = lab[STATE] = state
    api.router.add_get("/keys", keys_api.list_keys)
    api.router.add_post("/keys", keys_api.create_key)
    api.router.add_get("/keys/validate", keys_api.validate_key)
    api.router.add_delete("/keys/{id}", keys_api.delete_key)
    api.router.add_post("/chat/completions", use_api.chat)
    api.router.add_post("/embeddings", use_api.embeddings)
    lab.add_routes(control.routes())
    root.add_subapp("/v1", api)
    root.add_subapp("/_lab", lab)
    return root


@web.middleware
async def _observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    state = request.app[STATE]
    kind = _KINDS.get(request.match_info.handler, "other")
    fault = state.faults.take(kind)
    await asyncio.sleep(state.options.latency)
    if fault is None:
        answer = await _carry_out(request, handler)
        _note(request, kind, answer.status, None)
        return answer
    spoilt = await _carry_out(request, handler) if fault.lets_it_happen else None
    _note(request, kind, None if spoilt is None else spoilt.status, fault.kind)
    return await spoil(fault, request, spoilt, state.closing)


def _note(request: web.Request, kind: str, status: int | None, fault: str | None) -> None:
    state, client = request.app[STATE], request.headers.get("User-Agent", "")[:100]
    state.record.add_call(Call(state.clock(), kind, request.get(CONCERNS), status, fault, client))


async def _carry_out(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return refuse(refusal.status, refusal.reason)
