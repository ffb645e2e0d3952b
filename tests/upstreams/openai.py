"""OpenAI's projects, service accounts and their keys, as documented in November 2026.

https://platform.openai.com/docs/api-reference/project-service-accounts, project-api-keys and projects, with the shapes
of OpenAI's own OpenAPI file (repository openai/openai-openapi, 21 August 2026). Newer than that file, and read in a
translation of the reference of 17 November 2026 (www.w3cschool.cn/openai_api): expiries, the update of a key, and that
one key of a service account may be deleted (the file still says that this is refused).

Traps that are documented, and kept here:
- An account made with `create_service_account_only` has the role `none`. Its keys are shown with
  `owner_project_access=any` or `inactive`; without that parameter "some" keys are left out, which we read as these.
  A key may do no more than its owner, so we read that these keys may do nothing until the account is given a role.
- Names are unique nowhere. Without paging, 20 entries come.
- An update's expiry counts from the update; an expired key cannot be updated.

Observed by others, not documented: a key without the scope for a call is refused with **401** too; only the `code`
tells it from a key that is not known (`invalid_api_key`). Assumptions: the scope `api.model.read` for `GET /models`,
`model.request` for chats, and the texts of refusals by a policy.
"""

import secrets
from collections.abc import Iterable
from typing import TypeVar

from aiohttp import web
from pydantic import ValidationError

from tests.upstreams.openai_keys import Account, Key, KeyChanges, KeyTerms, NewAccount, paged
from tests.upstreams.server import CHAT_ANSWER, Clock, Refused, Server, bearer, fingerprint, now

Body = TypeVar("Body", NewAccount, KeyTerms, KeyChanges)


class OpenAI(Server):
    """One organization with one project, to whose `projects` a test may add. `longest_key`: seconds that its policy
    lets a new key live at most; such a policy demands an expiry. None: no policy."""

    base_path = "/v1"
    admin_prefix = "sk-admin-"

    def __init__(self, clock: Clock = now, longest_key: int | None = None) -> None:
        super().__init__(clock)
        self.project = f"proj_{secrets.token_hex(8)}"
        self.projects = [self.project]
        self.longest_key = longest_key
        self._accounts: dict[str, Account] = {}
        self._keys: dict[str, Key] = {}

    def routes(self) -> Iterable[web.AbstractRouteDef]:
        project = f"{self.base_path}/organization/projects/{{project}}"
        return (
            web.get(f"{self.base_path}/organization/projects", self._projects),
            web.get(f"{project}/service_accounts", self._list_accounts),
            web.post(f"{project}/service_accounts", self._create_account),
            web.post(f"{project}/service_accounts/{{account}}", self._update_account),
            web.delete(f"{project}/service_accounts/{{account}}", self._delete_account),
            web.post(f"{project}/service_accounts/{{account}}/api_keys", self._create_key),
            web.get(f"{project}/api_keys", self._list_keys),
            web.get(f"{project}/api_keys/{{key}}", self._read_key),
            web.post(f"{project}/api_keys/{{key}}", self._update_key),
            web.delete(f"{project}/api_keys/{{key}}", self._delete_key),
            web.get(f"{self.base_path}/models", self._models),
            web.post(f"{self.base_path}/chat/completions", self._chat),
        )

    def refusal(self, status: int, message: str, code: str | None = None, param: str | None = None) -> Refused:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        return Refused(status, {"error": {"message": message, "type": kind, "param": param, "code": code}})

    # What a test does and knows.

    async def live_fingerprints(self) -> frozenset[str]:
        """Of the keys that have not expired, whatever they may be used for."""
        return frozenset(fingerprint(key.value) for key in self._keys.values() if not key.expired(self._seconds()))

    async def make_foreign_key(self, name: str) -> str:
        """A key made in the console, in a service account of its own."""
        account = self._add_account(NewAccount(name=f"account of {name}"), self.project)
        return self._add_key(account, KeyTerms(name=name)).id

    async def end_key_outside(self, handle: str) -> None:
        """Deleted in the console. Raises KeyError where there is none."""
        del self._keys[handle]

    def accounts(self) -> tuple[Account, ...]:
        """All service accounts."""
        return tuple(self._accounts.values())

    # Who asks, and for what.

    def _seconds(self) -> int:
        return int(self.clock().timestamp())

    def _check_admin(self, request: web.Request) -> None:
        if self.is_admin(request):
            if request.match_info.get("project", self.project) not in self.projects:
                raise self.refusal(404, "No such project", "project_not_found")
            return
        if self._key_of(request) is not None:
            raise self._missing("api.management.read")
        raise self.refusal(401, "Incorrect API key provided", "invalid_api_key")

    def _missing(self, scope: str) -> Refused:
        return self.refusal(401, f"You have insufficient permissions for this operation. Missing scopes: {scope}.")

    async def _asked(self, request: web.Request, kind: type[Body]) -> Body:
        try:
            return kind.model_validate(await self.fields_of(request))
        except ValidationError as error:
            first = error.errors()[0]
            param = ".".join(map(str, first["loc"])) or None
            raise self.refusal(400, first["msg"], "invalid_value", param) from None

    def _check_policy(self, seconds: int | None) -> None:
        if self.longest_key is None or (seconds is not None and seconds <= self.longest_key):
            return
        message = f"The organization's policy demands an expiry of at most {self.longest_key} seconds."
        raise self.refusal(400, message, "invalid_value", "expires_in_seconds")

    # Projects and service accounts.

    async def _projects(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        same = {"object": "organization.project", "created_at": 1711471533, "archived_at": None, "status": "active"}
        return web.json_response(paged([{"id": one, "name": one} | same for one in self.projects], request))

    async def _list_accounts(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        return web.json_response(paged([account.shown() for account in self._of(request)], request))

    def _of(self, request: web.Request) -> Iterable[Account]:
        """The service accounts of the project that is asked for."""
        return (account for account in self._accounts.values() if account.project == request.match_info["project"])

    async def _create_account(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        asked = await self._asked(request, NewAccount)
        if not asked.create_service_account_only:
            self._check_policy(asked.expires_in_seconds)
        account, key = self._add_account(asked, request.match_info["project"]), None
        if not asked.create_service_account_only:
            key = self._add_key(account, KeyTerms(name="Secret Key", expires_in_seconds=asked.expires_in_seconds))
        return web.json_response(account.shown() | {"api_key": key.shown_once() if key else None})

    def _add_account(self, asked: NewAccount, project: str) -> Account:
        role = "none" if asked.create_service_account_only else "member"
        account = Account(f"svc_acct_{secrets.token_hex(8)}", asked.name, role, self._seconds(), project)
        self._accounts[account.id] = account
        return account

    def _account(self, request: web.Request) -> Account:
        self._check_admin(request)
        account = self._accounts.get(request.match_info["account"])
        if account is None or account.project != request.match_info["project"]:
            raise self.refusal(404, "No such service account", "service_account_not_found")
        return account

    async def _update_account(self, request: web.Request) -> web.Response:
        account = self._account(request)
        fields = await self.fields_of(request)
        if (role := fields.get("role", account.role)) not in {"member", "owner", account.role}:
            raise self.refusal(400, "role must be member or owner", "invalid_value", "role")
        account.role, account.name = role, fields.get("name", account.name)
        return web.json_response(account.shown())

    async def _delete_account(self, request: web.Request) -> web.Response:
        account = self._account(request)
        del self._accounts[account.id]
        self._keys = {key.id: key for key in self._keys.values() if key.owner is not account}
        return _deleted("organization.project.service_account.deleted", account.id)

    # Keys.

    async def _create_key(self, request: web.Request) -> web.Response:
        account = self._account(request)
        asked = await self._asked(request, KeyTerms)
        self._check_policy(asked.expires_in_seconds)
        return web.json_response(self._add_key(account, asked).shown_once())

    def _add_key(self, owner: Account, terms: KeyTerms) -> Key:
        created, lifetime = self._seconds(), terms.expires_in_seconds
        expires = created + lifetime if lifetime is not None else None
        key = Key(f"key_{secrets.token_hex(8)}", terms.name or "", owner, created, expires, terms.scopes)
        self._keys[key.id] = key
        return key

    def _key(self, request: web.Request) -> Key:
        self._check_admin(request)
        key = self._keys.get(request.match_info["key"])
        if key is None or key.owner.project != request.match_info["project"]:
            raise self.refusal(404, "API key not found", "key_not_found")
        return key

    async def _list_keys(self, request: web.Request) -> web.Response:
        self._check_admin(request)
        access = request.query.get("owner_project_access", "active")
        owners = list(self._of(request))
        keys = [key.shown() for key in self._keys.values() if key.owner in owners]
        return web.json_response(
            paged([key for key in keys if access in {"any", key["owner_project_access"]}], request)
        )

    async def _read_key(self, request: web.Request) -> web.Response:
        return web.json_response(self._key(request).shown())

    async def _update_key(self, request: web.Request) -> web.Response:
        key = self._key(request)
        changes = await self._asked(request, KeyChanges)
        if key.expired(self._seconds()):
            raise self.refusal(400, "An expired key cannot be updated", "invalid_value")
        if changes.expires_in_seconds is not None:
            self._check_policy(changes.expires_in_seconds)
            key.expires_at = self._seconds() + changes.expires_in_seconds
        key.scopes = key.scopes if changes.scopes is None else changes.scopes
        return web.json_response(key.shown())

    async def _delete_key(self, request: web.Request) -> web.Response:
        key = self._key(request)
        del self._keys[key.id]
        return _deleted("organization.project.api_key.deleted", key.id)

    # Using keys.

    def _key_of(self, request: web.Request) -> Key | None:
        keys = (key for key in self._keys.values() if not key.expired(self._seconds()))
        return next((key for key in keys if key.value == bearer(request)), None)

    def _use(self, request: web.Request, scope: str) -> Key:
        key = self._key_of(request)
        if key is None:
            raise self.refusal(401, "Incorrect API key provided", "invalid_api_key")
        if not key.may(scope):
            raise self._missing(scope)
        return key

    async def _models(self, request: web.Request) -> web.Response:
        self._use(request, "api.model.read")
        model = {"id": "gpt-4o-mini", "object": "model", "created": 1686935002, "owned_by": "openai"}
        return web.json_response({"object": "list", "data": [model]})

    async def _chat(self, request: web.Request) -> web.Response:
        self._use(request, "model.request").last_used_at = self._seconds()
        return web.json_response(CHAT_ANSWER)


def _deleted(kind: str, which: str) -> web.Response:
    return web.json_response({"object": kind, "id": which, "deleted": True})
