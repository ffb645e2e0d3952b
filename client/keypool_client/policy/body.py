"""What an error's body says, whatever its shape. Bounded, and never raises."""

import json
from dataclasses import dataclass, field
from typing import Any

BYTES = 64 * 1024
"""Longer bodies are no errors of an API; their beginning is not looked at."""
TEXT = 4096
"""So much of a message is compared."""
DETAILS = 20


@dataclass(frozen=True, slots=True)
class Said:
    """The parts of an error that rows name."""

    names: frozenset[str] = frozenset()
    """Codes, types, statuses and reasons."""
    message: str = field(default="", repr=False)
    """In small letters. It may repeat a part of a key: never shown."""
    status: int | None = None
    """A status within the body, as OpenRouter and Gemini write one."""
    retry_after: str | None = None
    """Gemini's retryDelay, such as 22s."""


def read(body: bytes) -> Said:
    """The error in a body: an object, a list of one, or a text."""
    if not body or len(body) > BYTES:
        return Said()
    try:
        found: Any = json.loads(body)
    except (ValueError, RecursionError):
        return Said(message=body[:TEXT].decode(errors="replace").lower())
    if isinstance(found, list):
        found = found[0] if found else {}
    if not isinstance(found, dict):
        return Said(message=str(found)[:TEXT].lower())
    error = found.get("error", found)
    return _said(error if isinstance(error, dict) else {"message": error}, found)


def _said(error: dict[str, Any], around: dict[str, Any]) -> Said:
    details = _details(error)
    found = [error.get("code"), error.get("type"), error.get("status"), error.get("reason"), *_metadata(error)]
    found += [detail.get("reason") for detail in details]
    message = error.get("message") or around.get("detail") or around.get("message") or ""
    numbers = (value for value in (error.get("code"), error.get("status")) if type(value) is int)
    return Said(
        names=frozenset(name for name in found if isinstance(name, str)),
        message=str(message)[:TEXT].lower() if isinstance(message, str) else "",
        status=next((number for number in numbers if 400 <= number < 600), None),
        retry_after=next((d["retryDelay"] for d in details if isinstance(d.get("retryDelay"), str)), None),
    )


def _details(error: dict[str, Any]) -> list[dict[str, Any]]:
    details = error.get("details")
    return [d for d in details[:DETAILS] if isinstance(d, dict)] if isinstance(details, list) else []


def _metadata(error: dict[str, Any]) -> list[Any]:
    """OpenRouter's: error_type, limit_source."""
    metadata = error.get("metadata")
    return [metadata.get("error_type"), metadata.get("limit_source")] if isinstance(metadata, dict) else []
