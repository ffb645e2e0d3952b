"""The one HTTP transport of all providers: bounded in time, size and connections, and silent about secrets.

httpx's types over aiohttp's connections, without httpx's client: that logs every URL, keeps cookies and reads proxies
and credentials from the environment.
"""

import asyncio
import json
import zlib
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from ssl import SSLContext
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver
from pydantic import SecretStr

from keypool import __version__
from keypool.core.deadlines import CREATE_CALL, OTHER_CALL
from keypool.providers.answers import MIB, UNSHARED, Share
from keypool.providers.authentication import Authentication, FixedCredential
from keypool.providers.bodies import error_body, page, whole
from keypool.providers.boundary import through, type_of
from keypool.providers.connections import connections, sent_by
from keypool.providers.endpoints import REPEATABLE, Endpoints
from keypool.providers.errors import (
    Ambiguous,
    CredentialRejected,
    ProviderError,
    PutOff,
    TokenRefused,
    TooLarge,
    Unavailable,
)
from keypool.providers.meter import Meter, Unmetered
from keypool.providers.outcomes import Blame, blame, parse_retry_after, refusal, until_midnight
from keypool.providers.pages import Entries, Page
from keypool.providers.places import Places
from keypool.providers.proxy import Proxy
from keypool.providers.reach import PUBLIC, Reach
from keypool.providers.text import error_text, excerpt
from keypool.providers.unreachable import NO_CONNECTION, NOT_MADE, never_sent


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds for one call, from waiting for a connection to the last byte: for creates (POST) and for others."""

    create: float = CREATE_CALL.total_seconds()
    other: float = OTHER_CALL.total_seconds()

    def within(self, seconds: float) -> "Deadlines":
        """These, but none longer than so many seconds."""
        return Deadlines(min(self.create, seconds), min(self.other, seconds))


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    `what` begins every message ("create a key"). `path` stands below the base URL and is already percent-encoded.
    `body` is sent as JSON, `form` as it is, form-encoded. `secrets` are hidden when the provider repeats them.
    Answers with a status in `expect` are returned, all others raised as errors. `limit`: bytes of body that are taken,
    decoded; 0 leaves it unread. `entries`: it is a page of a listing, read as it arrives. `until`: on the loop's clock,
    ends the call sooner than its deadline, for methods of several calls. `daily`: a 429 that names it lasts until
    midnight UTC.
    """

    what: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    form: str | None = field(default=None, repr=False)
    secrets: tuple[SecretStr, ...] = ()
    expect: frozenset[int] = frozenset({200})
    limit: int = MIB
    entries: Entries[Any, Any] | None = None
    until: float | None = None
    daily: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """An expected answer. A refusal that was expected has its text in `said`, an acceptance its JSON in `body`, or, for
    `Call.entries`, its `page`; None where it is none, as `said` tells."""

    status: int
    body: bytes = field(default=b"", repr=False)
    said: str = ""
    page: Page[Any] | None = field(default=None, repr=False)


class Transport:
    """Speaks to the first of `endpoints` that works, as `authentication` says, when `meter` lets it. `close` it.

    `reach`, `names`, `tls` and `proxy` are those of `connections`.
    """

    def __init__(
        self,
        endpoints: Endpoints | str,
        authentication: Authentication | SecretStr,
        deadlines: Deadlines,
        meter: Meter | None = None,
        *,
        reach: Reach = PUBLIC,
        names: AbstractResolver | None = None,
        tls: SSLContext | None = None,
        proxy: Proxy | None = None,
        share: Share = UNSHARED,
    ) -> None:
        self.endpoints = Endpoints([endpoints]) if isinstance(endpoints, str) else endpoints
        self._authentication = (
            FixedCredential(authentication) if isinstance(authentication, SecretStr) else authentication
        )
        self._deadlines, self._meter, self._share = deadlines, meter or Unmetered(), share
        connect = partial(connections, reach=reach, names=names, tls=tls, proxy=proxy)
        self._kept = connect(keep=True)
        # A server may close a kept connection at the very moment of a request. Reads and deletes are then sent again
        # by aiohttp; a create would become ambiguous for nothing, so it travels on a connection of its own.
        self._fresh = connect(keep=False)
        self._places = Places()
        self._calls, self._idle, self._closed = 0, asyncio.Event(), False
        self._idle.set()

    @property
    def base_url(self) -> str:
        """The preferred endpoint's, without a slash at its end."""
        return self.endpoints.preferred

    @property
    def deadlines(self) -> Deadlines:
        """Of each call."""
        return self._deadlines

    async def call(self, call: Call) -> Answer:
        """Sends one request and returns the expected answer; raises `ProviderError` for everything else."""
        if self._closed:
            raise Unavailable(f"{call.what}: the credential was replaced meanwhile")
        self._calls += 1
        self._idle.clear()
        try:
            outcome = await self._in_turn(call)
        finally:
            self._calls -= 1
            if not self._calls:
                self._idle.set()
        if isinstance(outcome, ProviderError):
            raise outcome  # outside of any except block: what httpx raised shows headers and URLs
        return outcome

    async def close(self) -> None:
        """Closes all connections, after the calls that are under way: a create that is cut off is a lost key."""
        while self._calls:
            await self._idle.wait()
        self._closed = True
        await self._authentication.close()
        await self._kept.aclose()
        await self._fresh.aclose()

    async def _in_turn(self, call: Call) -> Answer | ProviderError:
        async with AsyncExitStack() as turn:
            try:
                async with asyncio.timeout_at(call.until):
                    # What changes something is sent now, while we lead, or not at all.
                    await turn.enter_async_context(self._meter.turn(call.what, patient=call.method == "GET"))
            except TimeoutError:
                return Unavailable(f"{call.what}: not sent, because no turn in the request budget came in time")
            return await self._outcome(call)

    async def _outcome(self, call: Call) -> Answer | ProviderError:
        seconds = self._deadline(call)
        if seconds <= 0:
            return Unavailable(f"{call.what}: the calls before it left it no time")
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with asyncio.timeout_at(until):
                token = await self._authentication.token()
        except TimeoutError:
            return Unavailable(f"{call.what}: no token within {seconds:.2g} s")
        except ProviderError as error:
            return error
        send = partial(self._counted, call, token, count())
        async with self._places.turn(call.what, seconds / 2, creates=call.method == "POST"):
            return await self.endpoints.ask(call.what, until, send, repeatable=call.method in REPEATABLE)

    async def _counted(
        self, call: Call, token: SecretStr, tries: "count[int]", url: str, seconds: float
    ) -> Answer | ProviderError:
        """Every request counts; the first has its turn already, and others cannot wait. Without a turn it raises: that
        is no answer of the endpoint's."""
        if not next(tries):
            return await self._in_time(call, token, url, seconds)
        async with self._meter.turn(call.what, patient=False):
            return await self._in_time(call, token, url, seconds)

    async def _in_time(self, call: Call, token: SecretStr, url: str, seconds: float) -> Answer | ProviderError:
        """Whatever goes wrong before the first byte of the request: it was certainly not sent."""
        until = asyncio.get_running_loop().time() + seconds
        with sent_by(until) as sending:
            try:
                async with asyncio.timeout_at(until):
                    return await self._exchange(self._request(url, call, token, seconds), call, token, until)
            except TimeoutError:
                lost = f"no complete answer within {seconds:.2g} s"
            except httpx.TransportError as error:
                if isinstance(error.__cause__, NO_CONNECTION):
                    return never_sent(call.what, error.__cause__)
                lost = "the connection ended before the answer was complete"
            except (TooLarge, PutOff) as error:
                return error if call.method == "GET" else Ambiguous(str(error))
            except (httpx.HTTPError, aiohttp.ClientError, OSError, UnicodeError, zlib.error):
                lost = "the answer is not proper HTTP"
            except Exception as error:
                if through(error) is not None:
                    raise
                lost = f"the call failed with {type_of(error)}"
            return Ambiguous(f"{call.what}: {lost}") if sending.begun else Unavailable(f"{call.what}: {NOT_MADE}")

    async def _exchange(
        self, request: httpx.Request, call: Call, token: SecretStr, until: float
    ) -> Answer | ProviderError:
        connections = self._fresh if call.method == "POST" else self._kept
        response = await connections.handle_async_request(request)
        try:
            if response.status_code in call.expect and response.status_code < 300:
                return await _accepted(call, response, self._share)
            body = await error_body(response, until)
            said = excerpt(error_text(body), (token, *call.secrets))
            if response.status_code in call.expect:
                return Answer(response.status_code, said=said)
            now = datetime.now(UTC)
            wait = parse_retry_after(response.headers.get("Retry-After"), now)
            if wait is None and call.daily and call.daily.encode() in body:
                wait = until_midnight(now)  # for calls of this kind alone
            elif response.status_code == 429 and "Authorization" not in call.headers:  # else it is that key's own limit
                self._meter.throttled(wait)
            outcome = refusal(call.what, response.status_code, said, wait, asked=str(request.url.copy_with(query=None)))
            if "Authorization" in call.headers:
                return outcome
            challenge = response.headers.get("WWW-Authenticate", "")
            return self._blamed(token, outcome, blame(response.status_code, challenge, body))
        finally:
            await response.aclose()

    def _blamed(self, token: SecretStr, outcome: ProviderError, to_blame: Blame) -> ProviderError:
        """A refusal that may be the token's fault. Nothing was carried out."""
        if to_blame is Blame.REQUEST:
            return outcome
        says_so = isinstance(outcome, CredentialRejected)
        if self._authentication.refused(token, certain=says_so or to_blame is Blame.CREDENTIAL):
            return TokenRefused(f"{outcome}; the token is fetched anew")
        if to_blame is Blame.CREDENTIAL and not says_so:
            return CredentialRejected(f"{outcome}: it refuses the admin credential")
        return outcome

    @staticmethod
    def _request(url: str, call: Call, token: SecretStr, seconds: float) -> httpx.Request:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": f"keypool/{__version__}",
            "Authorization": f"Bearer {token.get_secret_value()}",
            **call.headers,
        }
        if (content := None if call.body is None else json.dumps(call.body).encode()) is not None:
            headers["Content-Type"] = "application/json"
        elif call.form is not None:
            content, headers["Content-Type"] = call.form.encode(), "application/x-www-form-urlencoded"
        # Whatever has not got a connection in half the time was certainly not sent.
        timeout = dict.fromkeys(("connect", "pool"), seconds / 2)
        where = httpx.URL(url + call.path, params=call.query or None)
        return httpx.Request(call.method, where, headers=headers, content=content, extensions={"timeout": timeout})

    def _deadline(self, call: Call) -> float:
        longest = self._deadlines.create if call.method == "POST" else self._deadlines.other
        return longest if call.until is None else min(longest, call.until - asyncio.get_running_loop().time())


async def _accepted(call: Call, response: httpx.Response, share: Share) -> Answer | ProviderError:
    if not call.limit or response.status_code == 204:
        return Answer(response.status_code)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return Ambiguous(f"{call.what}: the provider answered {response.status_code} with something that is not JSON")
    # Encodings may be nested, and each multiplies: a single one of 16 KiB chunks stays small in memory.
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"identity", "gzip", "deflate"}:
        return Ambiguous(f"{call.what}: the answer is compressed in a way that was not asked for")
    with share.answer(call.what) as claim:
        if call.entries is not None:
            return Answer(response.status_code, b"", *await page(call.what, response, call.entries, claim))
        return Answer(response.status_code, await whole(call.what, response, call.limit, claim))
