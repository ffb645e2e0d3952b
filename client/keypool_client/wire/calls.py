"""Which inference call a request is, by its method and path; and the model that stands in the path."""

import re
from collections.abc import Mapping
from enum import StrEnum

from keypool_client.model import Dialect


class Call(StrEnum):
    """A call that is computed from its own body alone, if the body names nothing that is stored at the provider."""

    CHAT = "chat"
    COMPLETIONS = "completions"
    RESPONSES = "responses"
    EMBEDDINGS = "embeddings"
    MESSAGES = "messages"
    COUNT_TOKENS = "count_tokens"
    GENERATE = "generate"
    STREAM_GENERATE = "stream_generate"


OPENAI = {
    "/chat/completions": Call.CHAT,
    "/completions": Call.COMPLETIONS,
    "/responses": Call.RESPONSES,
    "/embeddings": Call.EMBEDDINGS,
}
ANTHROPIC = {"/v1/messages": Call.MESSAGES, "/v1/messages/count_tokens": Call.COUNT_TOKENS}
_STARTS_A_JOB = ("predict", "predictLongRunning", "batchGenerateContent", "asyncBatchEmbedContent")
GEMINI: Mapping[str, Call | None] = {
    "generateContent": Call.GENERATE,
    "streamGenerateContent": Call.STREAM_GENERATE,
    "countTokens": Call.COUNT_TOKENS,
    "computeTokens": Call.COUNT_TOKENS,
    "embedContent": Call.EMBEDDINGS,
    "batchEmbedContents": Call.EMBEDDINGS,
    **dict.fromkeys(_STARTS_A_JOB),
}
"""What may follow the colon after a model; names of OpenAI's fine-tuned models have colons too."""
_GEMINI_MODEL = re.compile(rf"/(?:models|tunedModels)/([^/]+):({'|'.join(GEMINI)})/?$")
_AZURE = re.compile(r"/openai(?:/deployments/([^/]+)|/v1)?(/.*)")

Span = tuple[int, int]
Found = tuple[Call | None, Span | None]


def is_gemini(path: str) -> bool:
    """Whether the path ends in MODEL:VERB, as Gemini's do in every version of the API."""
    return _GEMINI_MODEL.search(path) is not None


def call_of(method: str, dialect: Dialect, tail: str) -> Found:
    """The call, and where in the tail the model's name stands."""
    call, span = _BY_DIALECT[dialect](tail)
    return call if method == "POST" else None, span


def _openai(tail: str) -> Found:
    return OPENAI.get(tail.rstrip("/")), None


def _anthropic(tail: str) -> Found:
    return ANTHROPIC.get(tail.rstrip("/")), None


def _gemini(tail: str) -> Found:
    if not (found := _GEMINI_MODEL.search(tail)):
        return None, None
    return GEMINI[found[2]], found.span(1)


def _azure(tail: str) -> Found:
    if not (found := _AZURE.fullmatch(tail)):
        return None, None
    return OPENAI.get(found[2].rstrip("/")), found.span(1) if found[1] else None


_BY_DIALECT = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini, "azure": _azure}
