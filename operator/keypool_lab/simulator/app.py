"""The routes, and what happens around every call: latency, faults, the note in the record."""

import asyncio
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler

from keypool_lab.simulator import control, keys_api
from keypool_lab.simulator.answers import refuse
from keypool_lab.simulator.dialects import anthropic, azure, gemini, openai, responses
from keypool_lab.simulator.dialects.operation import Answer, Operation
from keypool_lab.simulator.faults import Met
from keypool_lab.simulator.inference import serving
from keypool_lab.simulator.record import Call
from keypool_lab.simulator.spoil import Struck, spoil
from keypool_lab.simulator.state import CONCERNS, ENDPOINT, STATE, State

LARGEST_REQUEST = 256 * 1024 * 1024
_KINDS: dict[object, str] = {
    keys_api.list_keys: "list",
    keys_api.create_key: "create",
    keys_api.validate_key: "validate",
    keys_api.delete_key: "delete",
}
_POSTED: Mapping[str, Operation] = {
    "/v1/chat/completions": openai.CHAT,
    "/v1/completions": openai.COMPLETIONS,
    "/v1/embeddings": openai.EMBEDDINGS,
    "/v1/responses": responses.RESPONSES,
    "/v1/messages": anthropic.MESSAGES,
    "/v1/messages/count_tokens": anthropic.COUNT_TOKENS,
    "/openai/deployments/{deployment}/chat/completions": azure.CHAT,
    "/openai/deployments/{deployment}/embeddings": azure.EMBEDDINGS,
    **{
        f"/{version}/models/{{call:.+:{name}}}": operation
        for version in ("v1beta", "v1")
        for name, operation in gemini.OPERATIONS.items()
    },
}


def application(state: State, endpoint: str = "0") -> web.Application:
    """The API under `/v1`, `/v1beta` and `/openai`, the lab's control under `/_lab`."""
    root = web.Application(client_max_size=LARGEST_REQUEST)
    api = web.Application(middlewares=[_observe])
    lab = web.Application(middlewares=[control.admin_only])
    for part in (root, api, lab):
        part[STATE], part[ENDPOINT] = state, endpoint
    for path, operation in _POSTED.items():
        root.router.add_post(path, serving(operation))
    root.router.add_get("/v1/models", serving(openai.MODELS))
    api.router.add_get("/keys", keys_api.list_keys)
    api.router.add_post("/keys", keys_api.create_key)
    api.router.add_get("/keys/validate", keys_api.validate_key)
    api.router.add_delete("/keys/{id}", keys_api.delete_key)
    lab.add_routes(control.routes())
    root.add_subapp("/v1", api)
    root.add_subapp("/_lab", lab)
    return root


@web.middleware
async def _observe(request: web.Request, handler: Handler) -> web.StreamResponse:
    state = request.app[STATE]
    kind = _KINDS.get(request.match_info.handler, "other")
    fault = state.faults.take(Met(kind, endpoint=request.app[ENDPOINT]))
    await asyncio.sleep(state.options.latency)
    if fault is None:
        answer = await _carry_out(request, handler)
        _note(request, kind, answer.status, None)
        return answer
    spoilt = await _carry_out(request, handler) if fault.lets_it_happen else None
    call = _note(request, kind, None if spoilt is None else spoilt.status, fault.kind)
    return await spoil(Struck(fault, request, _as_answer(spoilt), call, openai.HOLYSHEEP, state.closing))


def _as_answer(response: web.StreamResponse | None) -> Answer:
    if not isinstance(response, web.Response) or not isinstance(response.body, bytes):
        return Answer(response.status if response is not None else 200)
    return Answer(response.status, body=response.body)


def _note(request: web.Request, kind: str, status: int | None, fault: str | None) -> Call:
    state, client = request.app[STATE], request.headers.get("User-Agent", "")[:100]
    call = Call(state.clock(), kind, request.get(CONCERNS), status, fault, client)
    state.record.add_call(call)
    return call


async def _carry_out(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refusal:
        return refuse(refusal.status, refusal.reason)
