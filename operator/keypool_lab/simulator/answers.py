"""Answers in the shape of the API, and who is asking."""

import hmac
from collections.abc import Mapping
from typing import Any

from aiohttp import web


def refuse(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error as the API words it."""
    return web.json_response({"error": {"message": message}}, status=status, headers=headers)


def same(given: str, expected: str) -> bool:
    """Compares two credentials without telling by the time it takes where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())


def unprocessable(errors: list[Any]) -> web.Response:
    """422, naming the first field that is wrong without repeating what was sent."""
    first = errors[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return refuse(422, f"{where}: {first['msg']}")
