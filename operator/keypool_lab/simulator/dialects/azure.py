"""Azure's dialect: OpenAI's shapes below a deployment, with `api-key`; errors as Azure words them."""

from collections.abc import Mapping
from dataclasses import replace

from aiohttp import web

from keypool_lab.simulator.dialects import openai
from keypool_lab.simulator.dialects.operation import (
    Answer,
    Asked,
    Body,
    Malformed,
    Operation,
    Refusal,
    Trouble,
    bearer,
    data_event,
)
from keypool_lab.simulator.limits import Taken

_DENIED = (
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an"
    " active subscription and use a correct regional API endpoint for your resource."
)
_RATE = (
    "Requests to the ChatCompletions_Create Operation under Azure OpenAI API have exceeded call rate limit of your"
    " current OpenAI S0 pricing tier. Please retry after {1} seconds."
)
_FORBIDDEN = "Principal does not have access to API/Operation."
# Trouble → status, code, message
_ERRORS: Mapping[Trouble, tuple[int, str, str]] = {
    Trouble.INVALID_KEY: (401, "401", _DENIED),
    Trouble.EXPIRED_KEY: (401, "401", _DENIED),
    Trouble.NO_SCOPE: (403, "403", _FORBIDDEN),
    Trouble.RATE_LIMITED: (429, "429", _RATE),
    Trouble.EXHAUSTED: (403, "403", "Out of call volume quota. Quota will be replenished."),
    Trouble.BAD_REQUEST: (400, "BadRequest", "{0}"),
    Trouble.INTERNAL: (500, "InternalServerError", "The server had an error while processing your request."),
    Trouble.OVERLOADED: (503, "ServiceUnavailable", "The service is temporarily unable to process your request."),
}


class Azure:
    """A key comes as `api-key`."""

    name = "azure"

    def credential(self, request: web.Request) -> str:
        """The header's key, else the bearer token."""
        return request.headers.get("api-key") or bearer(request)

    def refuse(self, refusal: Refusal, request_id: str) -> Answer:
        """Azure's error object; its gateway tells the time to wait in two headers."""
        status, code, message = _ERRORS[refusal.trouble]
        error = {"code": code, "message": message.format(refusal.detail, refusal.wait)}
        headers = {"apim-request-id": request_id, "x-request-id": request_id, **openai.waiting(refusal)}
        if refusal.wait is not None and refusal.wait.isdigit():
            headers["retry-after-ms"] = str(int(refusal.wait) * 1000)
        return Answer.json({"error": error}, status, headers)

    def headers(self, request_id: str, taken: Taken) -> dict[str, str]:
        """The request's id and what is left of the limits."""
        return {"apim-request-id": request_id, "x-request-id": request_id, **openai.limit_headers(taken)}

    def broken(self) -> bytes:
        """An error in the place of a chunk."""
        _, code, message = _ERRORS[Trouble.INTERNAL]
        return data_event({"error": {"code": code, "message": message}})


AZURE = Azure()


def _of_a_deployment(operation: Operation) -> Operation:
    """OpenAI's operation at a deployment: that is the model, whatever the body says."""

    def read(request: web.Request, body: Body) -> tuple[str, tuple[str, ...], bool, bool]:
        if not request.query.get("api-version"):
            raise Malformed("api-version: missing in the query")
        return operation.read(request, {**body, "model": request.match_info["deployment"]})

    return replace(operation, dialect=AZURE, read=read)


def _events(asked: Asked) -> list[bytes]:
    """Azure begins with what its filter says of the prompt: a chunk without a choice."""
    filtered = {"prompt_index": 0, "content_filter_results": {}}
    head = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": [filtered]}
    return [data_event(head), *openai.chat_events(asked)]


CHAT = replace(_of_a_deployment(openai.CHAT), events=_events)
EMBEDDINGS = _of_a_deployment(openai.EMBEDDINGS)
