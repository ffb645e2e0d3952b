"""OpenAI: keys of project service accounts over the administration API, read in November 2026.

https://platform.openai.com/docs/api-reference/project-service-accounts (list, create, update, and create of a key),
…/project-api-keys (list, retrieve, delete) and …/projects (list). An account made without a key has the role `none`,
with which its keys may do nothing, so it is made a member. A key without the scope for a call is refused with 401 or
403 and "Missing scopes", an unknown one with 401 and "Incorrect API key provided": the texts alone tell which.
"""

import math
import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Literal

from pydantic import Field, SecretStr

from keypool.api.provider_options import OpenAI
from keypool.core.capabilities import Capabilities
from keypool.core.limits import Usage
from keypool.providers.adapter import Adapter, Maybe, Value, WireModel, read
from keypool.providers.calls import as_key, delete, segment
from keypool.providers.errors import Ambiguous, Unavailable, Unreadable
from keypool.providers.numbers import Count, Moment
from keypool.providers.pages import Entries
from keypool.providers.paging import LISTING_SECONDS, Entry, Tally, by_cursor, ids
from keypool.providers.protocol import CreatedKey, ListedKey, NewKey, Probe, Provider, Revocation
from keypool.providers.strangers import named_otherwise
from keypool.providers.together import Together
from keypool.providers.transport import Answer, Call, Transport

LAG = timedelta(seconds=5)
"""For which a new key may be rejected, or missing from the listing, without being given up. Our assumption."""
MAX_LIFETIME = timedelta(seconds=31_536_000)
_PROJECTS = "/organization/projects"
_FULL = {"limit": "100"}
_RESTRICTED = re.compile(r"missing scopes|insufficient permissions", re.IGNORECASE)
_UNKNOWN = re.compile(r"incorrect api key|invalid api key|api key (has )?expired", re.IGNORECASE)


class _Account(Entry):
    name: str
    role: str
    created_at: Count


class _Created(Entry):
    value: Value = Field(repr=False)
    expires_at: Moment | None = None


class _Key(Entry):
    name: str | None = Field(default=None, max_length=1024)
    expires_at: Annotated[Moment | None, Maybe] = None
    last_used_at: Annotated[Moment | None, Maybe] = None
    owner_project_access: str = "active"


class _Models(WireModel):
    object: Literal["list"]


class OpenAIProvider(Adapter):
    """One organization at OpenAI. The base URL includes the version, as in https://api.openai.com/v1.

    Keys are in the project of the options. Where there are tenants, `Identity.project` wins, and the listing is that of
    all active projects: nothing has to be remembered for it to be complete.

    The keys of one owner are in one service account, which is found by its name. It stays when its last key is gone:
    it holds nothing secret, and a key may just be being made in it.
    """

    capabilities = Capabilities(
        lists_names=True,
        sets_expiry=True,
        sets_scopes=True,
        tells_last_use=True,
        activation_lag=LAG,
        listing_lag=LAG,
        max_lifetime=MAX_LIFETIME,
    )

    def __init__(self, options: OpenAI, transport: Transport) -> None:
        super().__init__(transport)
        self._project = options.project
        self._accounts: dict[str, str] = {}
        self._finding: Together[str] = Together()

    async def create(self, key: NewKey) -> CreatedKey:
        """Creates a key in its owner's service account; half of the time may go into finding or making that."""
        longest = self._transport.deadlines.create
        until, soon = self._within(longest), self._within(longest / 2)
        project = self._place("project", self._project, key.identity.project) or self._project
        accounts = f"{_PROJECTS}/{segment('create a key', project)}/service_accounts"
        account = await self._account(accounts, key.owner or key.name, soon)
        seconds = min(max(math.ceil(key.lifetime.total_seconds()), 1), int(MAX_LIFETIME.total_seconds()))
        body = {"name": key.name, "expires_in_seconds": seconds, **({"scopes": list(key.scopes)} if key.scopes else {})}
        expect, path = frozenset({200, 201, 404}), f"{accounts}/{segment('create a key', account)}/api_keys"
        answer = await self._transport.call(Call("create a key", "POST", path, body=body, expect=expect, until=until))
        if answer.status == 404:
            self._accounts.clear()
            raise Unavailable("create a key: its service account is gone; it is looked for again, or made")
        return _created(project, answer)

    async def _account(self, path: str, name: str, until: float) -> str:
        """The id of the service account with this name. What goes wrong here has made no key."""
        place = f"{path} {name}"
        try:
            if place not in self._accounts:  # two creates at once would make two
                work = partial(self._found_or_made, path, name, until)
                self._accounts[place] = await self._finding.do("find the service account", place, None, until, work)
            return self._accounts[place]
        except Ambiguous as error:
            said = str(error)
        raise Unavailable(f"{said}; no key was asked for")

    async def _found_or_made(self, path: str, name: str, until: float) -> str:
        listing = Call("list the service accounts", "GET", path, query=_FULL, until=until)
        accounts = await by_cursor(self._transport, listing, Entries("data", _Account, partial(_if_named, name)))
        named = [account for account in accounts.values() if account is not None]
        if not named:
            body = {"name": name, "create_service_account_only": True}
            named = [await self._posted(Call("make a service account", "POST", path, body=body, until=until))]
        account = min(named, key=lambda one: (one.created_at, one.id))
        if account.role == "none":
            what, path = "make a service account a member", f"{path}/{segment('create a key', account.id)}"
            account = await self._posted(Call(what, "POST", path, body={"role": "member"}, until=until))
        return account.id

    async def _posted(self, call: Call) -> _Account:
        account = read(_Account, await self._transport.call(call))
        if account is None:
            raise Ambiguous(f"{call.what}: the answer does not show it")
        return account

    async def revoke(self, handle: str) -> Revocation:
        """Deletes a key. Only an answer that says so counts as done."""
        return await delete(self._transport, _about("delete a key", "DELETE", handle))

    async def usage(self, handle: str, /) -> Usage | None:
        """When a key was used last; what it spent is not told for a key."""
        what = "read a key's usage"
        answer = await self._transport.call(_about(what, "GET", handle))
        if answer.status == 404:
            return None
        key = read(_Key, answer)
        if key is None:
            raise Ambiguous(f"{what}: the answer does not show the key")
        return Usage(last_used_at=key.last_used_at)

    async def probe(self, value: SecretStr) -> Probe:
        """Asks for the models. A key that may not have them is accepted; other refusals say nothing about the key."""
        what = "check a key"
        answer = await self._transport.call(as_key(what, "/models", value, (200, 401, 403)))
        if (answer.status == 200 and read(_Models, answer)) or _RESTRICTED.search(answer.said):
            return Probe.ACCEPTED
        if answer.status == 401 and _UNKNOWN.search(answer.said):
            return Probe.REJECTED
        said = f" ({answer.said})" if answer.said else ""
        raise Ambiguous(f"{what}: the provider answered {answer.status}{said}, which does not say whether it is good")

    async def list_keys(self) -> tuple[ListedKey, ...]:
        """All keys of the project, whoever's they are; where there are tenants, of all active projects."""
        until, projects = self._within(LISTING_SECONDS), [self._project]
        if self.tenanted:
            call = Call("list the projects", "GET", _PROJECTS, query=_FULL, until=until)
            projects = list(await by_cursor(self._transport, call, Entries("data", Entry, ids)))
        listed: list[ListedKey] = []
        tally = Tally("list the keys")
        for project in projects:
            path, query = f"{_PROJECTS}/{segment('list the keys', project)}/api_keys", {"owner_project_access": "any"}
            call = Call("list the keys", "GET", path, query=query | _FULL, until=until)
            others = named_otherwise("id", "name", prefix=f"{project}/")
            entries = Entries("data", _Key, partial(_listed, project), others)
            keys = await by_cursor(self._transport, call, entries, tally)
            listed += keys.values()
        return tuple(listed)


def _listed(project: str, key: _Key) -> tuple[str, ListedKey]:
    active = key.owner_project_access != "inactive"
    return key.id, ListedKey(f"{project}/{key.id}", key.name or "", None, active, key.expires_at)


def _if_named(name: str, account: _Account) -> tuple[str, _Account | None]:
    return account.id, account if account.name == name else None


def _created(project: str, answer: Answer) -> CreatedKey:
    created = read(_Created, answer)
    if created is None:
        named = read(Entry, answer)
        handle = f"{project}/{named.id}" if named else None
        raise Unreadable("create a key: the answer holds no readable key", handle)
    return CreatedKey(f"{project}/{created.id}", SecretStr(created.value), created.expires_at)


def _about(what: str, method: str, handle: str) -> Call:
    project, _, key = handle.partition("/")
    path = f"{_PROJECTS}/{segment(what, project)}/api_keys/{segment(what, key)}"
    return Call(what, method, path, expect=frozenset({200, 404}))


def build(options: OpenAI, transport: Transport) -> Provider:
    """The adapter."""
    return OpenAIProvider(options, transport)
