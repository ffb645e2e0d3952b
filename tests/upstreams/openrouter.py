"""OpenRouter's key management, as documented in November 2026.

Keys: https://openrouter.ai/docs/api/api-reference/api-keys/list (and create-keys, get-key, update-keys, delete-keys,
get-current-key); guardrails:
https://openrouter.ai/docs/api/api-reference/guardrails/bulk-assign-keys-to-a-guardrail; management keys:
https://openrouter.ai/docs/guides/overview/auth/management-api-keys. The request bodies are those of OpenRouter's own
OpenAPI file, which its SDKs are generated from (repository OpenRouterTeam/typescript-sdk, .speakeasy/in.openapi.yaml).

Traps that are documented, and kept here:
- The list shows one workspace, by default the default one, and disabled keys with `include_disabled=true` (that it
  leaves them out otherwise is how we read it).
- `expires_at` is set at creation only, and refused unless it is in UTC.
- A management key completes no chats (that the status is 403 is an assumption), and a key manages no keys.
- `GET /key` tells whether a key is accepted.

Observed by others, not documented: `GET /models` answers without any key, so it proves nothing; and a daily cap on
changes of keys, named `keys-modify-api-rpd-v2`, which only midnight UTC lifts. Where in the body of the 429 that name
stands is an assumption: here in `metadata.limit` and in the message, and there is no Retry-After.
"""

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from tests.upstreams.openrouter_keys import DEFAULT_WORKSPACE, Changes, Key, KeyTerms, tomorrow
from tests.upstreams.server import CHAT_ANSWER, Clock, Refused, Server, bearer, fingerprint, now

PAGE = 100
DAILY_CAP = "keys-modify-api-rpd-v2"
COST_OF_A_CHAT = 0.25


class OpenRouter(Server):
    """`daily_changes`: how many creates, updates and deletions the account has for a day, None for plenty.
    `guardrails` and `workspaces` are the ids that exist; a test adds to them. `page`: entries that a page of keys or
    workspaces has at most."""

    page = PAGE
    base_path = "/api/v1"
    admin_prefix = "sk-or-v1-"

    def __init__(self, clock: Clock = now, daily_changes: int | None = None) -> None:
        super().__init__(clock)
        self._keys: dict[str, Key] = {}
        self.daily_changes = daily_changes
        self._changes: list[datetime] = []
        self.guardrails: set[str] = set()
        self.workspaces = [DEFAULT_WORKSPACE]

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        base = self.base_path
        return (
            web.get(f"{base}/keys", self._list),
            web.post(f"{base}/keys", self._create),
            web.get(f"{base}/keys/{{hash}}", self._read),
            web.patch(f"{base}/keys/{{hash}}", self._update),
            web.delete(f"{base}/keys/{{hash}}", self._delete),
            web.get(f"{base}/key", self._current),
            web.get(f"{base}/workspaces", self._list_workspaces),
            web.post(f"{base}/guardrails/{{id}}/assignments/keys", self._assign),
            web.get(f"{base}/guardrails/{{id}}/assignments/keys", self._assigned),
            web.get(f"{base}/models", self._models),
            web.post(f"{base}/chat/completions", self._chat),
        )

    def refusal(self, status: int, message: str) -> Refused:
        return Refused(status, {"error": {"code": status, "message": message}})

    # What a test does and knows.

    async def live_fingerprints(self) -> frozenset[str]:
        """Of the keys that are neither disabled nor expired; those over their limit are live."""
        return frozenset(fingerprint(key.value) for key in self._keys.values() if key.works(self.clock()))

    async def make_foreign_key(self, name: str) -> str:
        """A key made in the console."""
        return self._add(KeyTerms(name=name)).hash

    async def end_key_outside(self, handle: str) -> None:
        """Deleted in the console. Raises KeyError where there is none."""
        del self._keys[handle]

    def key(self, handle: str) -> Key:
        """The key with this hash. Raises KeyError where there is none."""
        return self._keys[handle]

    # Managing keys.

    def key_of_value(self, value: str) -> Key:
        """The key that a workload uses, as the test may use it up. Raises StopIteration where there is none."""
        return next(key for key in self._keys.values() if key.value == value)

    def _add(self, terms: KeyTerms) -> Key:
        key = Key(hash=secrets.token_hex(32), terms=terms, created_at=self.clock())
        self._keys[key.hash] = key
        return key

    def _check_admin(self, request: web.Request) -> None:
        if self.is_admin(request):
            return
        if self._key_of(request) is not None:
            raise self.refusal(403, "Only management keys can perform this operation")
        known = bool(bearer(request))
        raise self.refusal(401, "User not found." if known else "Missing Authentication header")

    def _spend_a_change(self) -> None:
        today = self.clock().date()
        self._changes = [change for change in self._changes if change.date() == today]
        if self.daily_changes is not None and len(self._changes) >= self.daily_changes:
            error = {"code": 429, "message": f"Rate limit exceeded: {DAILY_CAP}", "metadata": {"limit": DAILY_CAP}}
            raise Refused(429, {"error": error})
        self._changes.append(self.clock())

    def _named(self, request: web.Request) -> Key:
        key = self._keys.get(request.match_info["hash"])
        if key is None:
            raise self.refusal(404, "Resource not found")
        return key

    async def _list(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        workspace = request.query.get("workspace_id", DEFAULT_WORKSPACE)
        with_disabled = request.query.get("include_disabled") == "true"
        keys = [
            key for key in self._keys.values() if key.workspace == workspace and (with_disabled or not key.disabled)
        ]
        offset = self._offset(request)
        # The order is not documented. Newest first is how "the most recent keys" reads: a key that is created while
        # somebody pages moves all others by one.
        page = sorted(keys, key=lambda key: key.created_at, reverse=True)[offset : offset + self.page]
        return web.json_response({"data": [key.shown(self.clock()) for key in page]})

    def _offset(self, request: web.Request) -> int:
        text = request.query.get("offset", "0")
        if not text.isdecimal():
            raise self.refusal(400, "Invalid request parameters: offset")
        return int(text)

    async def _list_workspaces(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        offset, limit = self._offset(request), min(int(request.query.get("limit", "50")), self.page)
        page = [{"id": one, "name": "", "slug": one} for one in self.workspaces[offset : offset + limit]]
        return web.json_response({"data": page, "total_count": len(self.workspaces)})

    async def _create(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        try:
            terms = KeyTerms.model_validate(await self.fields_of(request))
        except ValidationError as error:
            raise self._invalid(error) from None
        self._spend_a_change()
        key = self._add(terms)
        return web.json_response({"key": key.value, "data": key.shown(self.clock())}, status=201)

    async def _read(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        return web.json_response({"data": self._named(request).shown(self.clock())})

    async def _update(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        try:
            changes = Changes.model_validate(await self.fields_of(request))
        except ValidationError as error:
            raise self._invalid(error) from None
        key = self._named(request)
        self._spend_a_change()
        key.change(changes, self.clock())
        return web.json_response({"data": key.shown(self.clock())})

    async def _delete(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        key = self._named(request)
        self._spend_a_change()
        del self._keys[key.hash]
        return web.json_response({"deleted": True})

    def _invalid(self, error: ValidationError) -> Refused:
        first = error.errors()[0]
        return self.refusal(400, f"Invalid request parameters: {'.'.join(map(str, first['loc']))}: {first['msg']}")

    async def _assign(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        guardrail = self._guardrail(request)
        hashes = (await self.fields_of(request)).get("key_hashes")
        if not isinstance(hashes, list) or not hashes:
            raise self.refusal(400, "Invalid request parameters: key_hashes must be an array with one hash at least")
        if not all(handle in self._keys for handle in hashes):
            raise self.refusal(404, "Resource not found")
        for handle in hashes:
            self._keys[handle].guardrail = guardrail
        return web.json_response({"assigned_count": len(hashes)})

    async def _assigned(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        guardrail = self._guardrail(request)
        keys = [key for key in self._keys.values() if key.guardrail == guardrail]
        data = [{"guardrail_id": guardrail, "key_hash": key.hash, "key_name": key.name} for key in keys]
        return web.json_response({"data": data, "total_count": len(data)})

    def _guardrail(self, request: web.Request) -> str:
        guardrail = request.match_info["id"]
        if guardrail not in self.guardrails:
            raise self.refusal(404, "Resource not found")
        return guardrail

    # Using keys.

    def _key_of(self, request: web.Request) -> Key | None:
        keys = (key for key in self._keys.values() if key.works(self.clock()))
        return next((key for key in keys if key.value == bearer(request)), None)

    async def _current(self, request: web.Request) -> web.Response:
        if self.is_admin(request):
            return web.json_response({"data": _of_a_management_key()})
        key = self._key_of(request)
        if key is None:
            raise self.refusal(401, "User not found.")
        return web.json_response({"data": key.shown_to_itself(self.clock())})

    async def _models(self, request: web.Request) -> web.Response:
        return web.json_response({"data": [{"id": "deepseek/deepseek-chat", "name": "DeepSeek"}]})

    async def _chat(self, request: web.Request) -> web.Response:
        if self.is_admin(request):
            raise self.refusal(403, "Management keys cannot be used for completions")
        key = self._key_of(request)
        if key is None:
            raise self.refusal(401, "User not found.")
        left = key.remaining(self.clock())
        if left is not None and left <= 0:
            raise self.refusal(402, "This request requires more credits: the limit of this key is used up")
        key.use(COST_OF_A_CHAT, self.clock())
        return web.json_response(CHAT_ANSWER)

    def until_reset(self) -> timedelta:
        """How long the daily cap lasts from now."""
        return tomorrow(self.clock()) - self.clock()


def _of_a_management_key() -> dict[str, Any]:
    return {
        "label": "sk-or-v1-man...key",
        "is_management_key": True,
        "is_provisioning_key": True,
        "is_free_tier": False,
        "limit": None,
        "limit_remaining": None,
        "usage": 0,
    }
