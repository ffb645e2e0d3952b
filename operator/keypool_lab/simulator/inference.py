"""The side of the API that workloads use, in every dialect: who asks, what for, and what comes back."""

import asyncio
import hashlib
import json
import re
import secrets

from aiohttp import web
from aiohttp.typedefs import Handler

from keypool_lab.simulator.dialects.content import pieces
from keypool_lab.simulator.dialects.openai import HOLYSHEEP, OPENAI
from keypool_lab.simulator.dialects.operation import Answer, Asked, Dialect, Malformed, Operation, Refusal, Trouble
from keypool_lab.simulator.faults import Met
from keypool_lab.simulator.limits import Taken
from keypool_lab.simulator.record import Call, Key
from keypool_lab.simulator.sending import send
from keypool_lab.simulator.spoil import Struck, spoil
from keypool_lab.simulator.state import ENDPOINT, STATE, State

_CREDENTIALS = ("Authorization", "x-api-key", "api-key", "x-goog-api-key", "OpenAI-Organization", "OpenAI-Project")
_QUERY_KEY = re.compile(r"([?&]key=)[^&]*")
USE = "use"


def serving(operation: Operation) -> Handler:
    """The handler of an operation."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return await _serve(request, operation)

    return handler


async def _serve(request: web.Request, operation: Operation) -> web.StreamResponse:
    state, body = request.app[STATE], await request.read()
    dialect = _worded(operation.dialect, state)
    key = state.by_value(dialect.credential(request))
    asked = _asked(request, operation, body, state)
    call = _call(request, dialect, key, asked, body)
    fault = state.faults.take(Met(USE, call.key_id, dialect.name, call.endpoint, call.stream))
    if state.options.latency:
        await asyncio.sleep(state.options.latency)
    answer = Answer(200)
    if fault is None or fault.lets_it_happen:
        answer = _answer(operation, dialect, _decided(key, operation.scope, asked, state), asked, call)
        call.status = answer.status
    call.fault = fault.kind if fault is not None else None
    keep = state.record.add_call(call)
    try:
        if fault is None:
            return await send(answer, request, call, state.switches.pause)
        return await spoil(Struck(fault, request, answer, call, dialect, state.closing))
    finally:
        keep()


def _worded(dialect: Dialect, state: State) -> Dialect:
    return HOLYSHEEP if dialect is OPENAI and state.switches.words == "holysheep" else dialect


def _asked(request: web.Request, operation: Operation, body: bytes, state: State) -> Asked | str:
    """What is asked for, or what is wrong with it."""
    try:
        parsed = json.loads(body) if body else {}
        if not isinstance(parsed, dict):
            return "The body is no JSON object"
        model, prompt, stream, usage = operation.read(request, parsed)
    except ValueError:
        return "The body is not JSON"
    except Malformed as wrong:
        return str(wrong)
    said = pieces(prompt[-1] if prompt else "", state.switches.events)
    return Asked(model, prompt, said, stream, usage, secrets.token_hex(12), int(state.clock()))


def _call(request: web.Request, dialect: Dialect, key: Key | None, asked: Asked | str, body: bytes) -> Call:
    headers, path = request.headers, request.raw_path
    known = headers.get("Idempotency-Key")
    return Call(
        request.app[STATE].clock(),
        USE,
        key.id if key else None,
        None,
        None,
        headers.get("User-Agent", "")[:100],
        dialect=dialect.name,
        path=_QUERY_KEY.sub(r"\1…", path) if "key=" in path else path,
        endpoint=request.app[ENDPOINT],
        model="" if isinstance(asked, str) else asked.model,
        request_id=f"req_{secrets.token_hex(12)}",
        attempt=headers.get("x-stainless-retry-count", ""),
        credentials=" ".join(name for name in _CREDENTIALS if name in headers),
        identity=known or hashlib.blake2b(body, digest_size=8, person=dialect.name.encode()).hexdigest(),
        stream=not isinstance(asked, str) and asked.stream,
    )


def _decided(key: Key | None, scope: str, asked: Asked | str, state: State) -> Refusal | Taken:
    """Why this request is refused, or what it leaves of the limits."""
    problem = state.problem(key)
    if problem or key is None:
        return Refusal(problem or Trouble.INVALID_KEY)
    if scope and scope not in key.scopes:
        return Refusal(Trouble.NO_SCOPE, scope)
    taken = state.limits.take(key.id, key.rpm, state.clock())
    if taken.wait is not None:
        return Refusal(Trouble.RATE_LIMITED, wait=str(taken.wait), limit=taken.limit)
    if taken.exhausted:
        return Refusal(Trouble.EXHAUSTED)
    return Refusal(Trouble.BAD_REQUEST, asked) if isinstance(asked, str) else taken


def _answer(operation: Operation, dialect: Dialect, decided: Refusal | Taken, asked: Asked | str, call: Call) -> Answer:
    if isinstance(decided, Refusal):
        return dialect.refuse(decided, call.request_id)
    assert isinstance(asked, Asked)  # noqa: S101 (else it was refused)
    headers = dialect.headers(call.request_id, decided)
    if asked.stream and operation.events:
        return Answer(200, headers, events=operation.events(asked), content_type=operation.stream_type)
    return Answer.json(operation.whole(asked), 200, headers)
