"""An example server of keypool's webhook protocol (docs/providers/webhook.openapi.yaml), with keys in a dictionary."""

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

Key = dict[str, Any]
CAN = dict.fromkeys(("expiry", "update", "disable", "spendLimit", "scopes", "models", "usage"), True)
LISTED, CHANGEABLE = ("id", "name", "active", "expiresAt"), ("active", "requestsPerMinute", "spendLimit", "models")


def in_seconds(seconds: float) -> str:
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def create(keys: dict[str, Key], asked: Key) -> tuple[int, Key]:
    before = next((key for key in keys.values() if key["name"] == asked["name"]), None)
    if before:  # a create that was long under way must not bring a deleted key back
        return (409, {"error": "the name was used before"}) if before["deleted"] else (200, before)
    made = Key(id=f"k{len(keys)}", value=f"sk-example-{secrets.token_urlsafe(32)}", spend=0, active=True, deleted=False)
    keys[made["id"]] = asked | made | {"expiresAt": in_seconds(asked.get("lifetimeSeconds", 31_536_000))}
    return 201, keys[made["id"]]


def answer(request: web.Request, keys: dict[str, Key], asked: Key) -> tuple[int, Key]:
    found = {key_id: key for key_id, key in keys.items() if not key["deleted"]}
    status, body = 404, Key(error="there is no such key or call")
    match request.method, *request.match_info["path"].split("/"):
        case ["GET", "capabilities"]:
            status, body = 200, {"protocol": 1, "account": "example", "capabilities": CAN | {"rateLimit": "key"}}
        case ["GET", "keys"]:  # the cursor counts deleted keys too: what is deleted meanwhile moves nothing
            ids = list(keys)[int(request.query.get("cursor", "0")) :]
            page = [{name: keys[key_id][name] for name in LISTED} for key_id in ids[:100] if key_id in found]
            status, body = 200, {"keys": page} | ({"next": str(len(keys) - len(ids) + 100)} if ids[100:] else {})
        case ["POST", "keys"]:
            status, key = create(keys, asked | {"name": request.headers["Idempotency-Key"]})
            body = {name: key[name] for name in ("id", "value", "expiresAt", "error") if name in key}
        case ["POST", "keys", "probe"]:
            live = [key["value"] for key in found.values() if key["active"] and key["expiresAt"] > in_seconds(0)]
            status, body = 200, {"accepted": request.headers["Keypool-Key"] in live}
        case ["PATCH", "keys", key_id] if key_id in found:
            keys[key_id] |= {name: asked[name] for name in CHANGEABLE if name in asked}
            status, body = 200, {name: keys[key_id][name] for name in LISTED}
        case ["DELETE", "keys", key_id] if key_id in found:
            keys[key_id]["deleted"], status, body = True, 204, {}
        case ["GET", "keys", key_id, "usage"] if key_id in found:
            status, body = 200, {"spend": keys[key_id]["spend"]}
    return status, body


async def serve(request: web.Request, tokens: set[str], keys: dict[str, Key]) -> web.Response:
    if request.headers.get("Authorization", "").removeprefix("Bearer ") not in tokens:
        return web.json_response({"error": "the credential is not known, or has expired"}, status=401)
    try:
        status, body = answer(request, keys, await request.json() if request.can_read_body else {})
    except (KeyError, TypeError, ValueError):
        status, body = 400, {"error": "the request is malformed"}
    return web.json_response(body, status=status) if body else web.Response(status=status)
