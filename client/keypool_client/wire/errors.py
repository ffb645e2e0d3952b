"""What the relay itself answers: a code, a status, and a body that the dialect's SDKs show as a sentence."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keypool_client.model import Dialect


class Code(StrEnum):
    """Why the relay itself answers. docs/relay-urls.md has the table for users."""

    BAD_TARGET = "keypool_bad_target"
    TARGET_TOO_LONG = "keypool_target_too_long"
    BAD_METHOD = "keypool_bad_method"
    UNKNOWN_PATH = "keypool_unknown_path"
    WRONG_DIALECT = "keypool_wrong_dialect"
    UPGRADE_REFUSED = "keypool_upgrade_refused"
    NO_CREDENTIAL = "keypool_no_credential"
    FOREIGN_HOST = "keypool_foreign_host"
    FOREIGN_ORIGIN = "keypool_foreign_origin"
    BODY_TOO_LARGE = "keypool_body_too_large"
    BODY_TOO_SLOW = "keypool_body_too_slow"
    NO_USABLE_KEY = "keypool_no_usable_key"
    TOO_BUSY = "keypool_too_busy"
    UNREACHABLE = "keypool_unreachable"
    NO_ANSWER = "keypool_no_answer"
    BROKEN_ANSWER = "keypool_broken_answer"
    BROKEN_STREAM = "keypool_broken_stream"


STATUS: Mapping[Code, int] = {
    Code.BAD_TARGET: 400,
    Code.TARGET_TOO_LONG: 414,
    Code.BAD_METHOD: 405,
    Code.UNKNOWN_PATH: 404,
    Code.WRONG_DIALECT: 400,
    Code.UPGRADE_REFUSED: 400,
    Code.NO_CREDENTIAL: 401,
    Code.FOREIGN_HOST: 403,
    Code.FOREIGN_ORIGIN: 403,
    Code.BODY_TOO_LARGE: 413,
    Code.BODY_TOO_SLOW: 408,
    Code.NO_USABLE_KEY: 503,
    Code.TOO_BUSY: 503,
    Code.UNREACHABLE: 502,
    Code.NO_ANSWER: 504,
    Code.BROKEN_ANSWER: 502,
    Code.BROKEN_STREAM: 502,
}

# What the vendors' own errors of a status are called; 400 and 500 stand for those that are not listed.
_OPENAI = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 500: "server_error"}
_ANTHROPIC = _OPENAI | {404: "not_found_error", 500: "api_error", 503: "overloaded_error", 504: "timeout_error"}
_GEMINI = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    500: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer of the relay's own."""

    code: Code
    message: str
    """A sentence: what is wrong, and what would be right. It never holds a value of a key."""
    dialect: Dialect = "openai"
    """The one that the request seems to be in: its SDK has to read the body."""

    @property
    def status(self) -> int:
        return STATUS[self.code]

    @property
    def body(self) -> bytes:
        return json.dumps(error_of(self.dialect, self.code, self.message)).encode()

    def headers(self, retry_after: int | None = None, *, attempted: bool = False) -> list[tuple[str, str]]:
        """Those beside Content-Length. `attempted`: the relay spent an attempt on the request; so no SDK repeats it."""
        headers = [("Content-Type", "application/json"), ("X-Keypool-Error", self.code.value)]
        if retry_after is not None:
            headers.append(("Retry-After", str(retry_after)))
        if attempted:
            headers.append(("X-Should-Retry", "false"))
        return headers


def error_of(dialect: Dialect, code: Code, message: str) -> dict[str, Any]:
    """The error as the dialect writes it. SDKs show `message`; programs look at the code."""
    status = STATUS[code]
    told = f"keypool: {message}"
    if dialect == "anthropic":
        return {"type": "error", "error": {"type": _named(_ANTHROPIC, status), "message": told, "code": code.value}}
    if dialect == "gemini":
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code.value, "domain": "keypool.dev"}
        # The SDK looks for `error` as the first entry, and for a number in `code`.
        return {"error": {"code": status, "message": told, "status": _named(_GEMINI, status), "details": [info]}}
    return {"error": {"message": told, "type": _named(_OPENAI, status), "param": None, "code": code.value}}


def _named(names: Mapping[int, str], status: int) -> str:
    return names.get(status) or names[400 if status < 500 else 500]
