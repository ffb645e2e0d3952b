"""Calls of the API server about this pod's KeyHolder: each with a deadline, bounded, and over no proxy."""

import asyncio
import json
from enum import StrEnum
from typing import Any

from aiohttp import ClientError, ClientResponse, ClientSession, DummyCookieJar, TCPConnector

from keypool_client.relay.pod import Access, Pod

CALL_SECONDS = 10.0
MOST_ANSWER = 64 * 1024
LONGEST_WHY = 300
MANAGER = "keypool-relay"
APPLY = {"Content-Type": "application/apply-patch+yaml"}
FORCED = {"fieldManager": MANAGER, "force": "true"}
ERRORS = (ClientError, OSError, TimeoutError, ValueError)


class Outcome(StrEnum):
    """What became of a call."""

    WRITTEN = "written"
    REFUSED = "refused"
    """This pod has no right to it, or a policy or the resource itself refused the object."""
    ABSENT = "absent"
    """The cluster has no such resource, or no such object."""
    FAILED = "failed"


_REFUSALS = dict.fromkeys((400, 403, 422), Outcome.REFUSED) | dict.fromkeys((404, 405), Outcome.ABSENT)


async def call(pod: Pod, access: Access, method: str, body: bytes | None) -> tuple[Outcome, str]:
    """What became of it, and why. Over a connection of its own: thousands of pods would keep thousands open for a call
    now and then."""
    url, headers = pod.url(access.namespace), {"Authorization": f"Bearer {access.token}"}
    more: dict[str, Any] = {"params": FORCED, "data": body} if body else {}
    try:
        async with (
            asyncio.timeout(CALL_SECONDS),
            _session(access) as session,
            session.request(method, url, headers=headers | APPLY, allow_redirects=False, **more) as answer,
        ):
            return await _judged(answer)
    except ERRORS as error:  # their own text may quote what was sent
        return Outcome.FAILED, f"no answer of the API server ({type(error).__name__})"


def _session(access: Access) -> ClientSession:
    """No proxy and no netrc: nothing of the environment decides where the token goes."""
    connector = TCPConnector(ssl=access.trust, force_close=True)
    agent = {"User-Agent": MANAGER, "Accept": "application/json"}
    return ClientSession(connector=connector, cookie_jar=DummyCookieJar(), headers=agent, trust_env=False)


async def _judged(answer: ClientResponse) -> tuple[Outcome, str]:
    raw = bytearray()
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > MOST_ANSWER:
            break
    if answer.status in {200, 201}:
        return Outcome.WRITTEN, ""
    said = sentence(bytes(raw[:MOST_ANSWER]))
    return _REFUSALS.get(answer.status, Outcome.FAILED), f"HTTP {answer.status}{said and f' ({said})'}"


def sentence(raw: bytes) -> str:
    """What the API server says of it, on one line; nothing where it says nothing that can be read."""
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    message = told.get("message") if isinstance(told, dict) else None
    if not isinstance(message, str):
        return ""
    return " ".join("".join(each if each.isprintable() else " " for each in message[:LONGEST_WHY]).split())
