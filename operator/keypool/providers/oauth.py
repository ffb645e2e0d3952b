"""OAuth 2.0 client credentials: how the operator authenticates where a static credential is not wanted.

The tokens of RFC 6749 section 4.4 are fetched through a transport of their own, once for all pools of a provider. One
that is good is used until it ends: it is replaced long before, beside the calls, so a token server in trouble stops
nothing meanwhile. Calls without a token wait for the same fetch, whoever began it.

A token that the provider refuses was perhaps revoked early, and the next call waits for a new one. This call is not
repeated: a refusal stops calls instead of repeating them. Where it is not certain that the token was meant (403), the
old one is used again if no new one comes.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextvars import Context
from typing import Annotated
from urllib.parse import quote, unquote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import Field, SecretStr

from keypool.api.provider_auth import OAuth2
from keypool.providers.adapter import WireModel, read
from keypool.providers.boundary import through, type_of
from keypool.providers.endpoints import Endpoints
from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled, Unavailable
from keypool.providers.transport import Answer, Call, Transport
from keypool.tasks import end

LEEWAY = 900.0
"""Seconds before its end at which a token is replaced, but not before half of its life: so long may its server be
away. It comes back before that, or calls stop."""
UNTOLD_LIFE = 300.0
"""Seconds that a token is used whose life the server does not tell (expires_in is optional, section 5.1)."""
FORGOTTEN = 900.0
"""Seconds without a refusal after which one is again taken for the token's fault: longer than any pause between tries,
or a client without the right scope would never be judged."""
SOON, LONGEST_PATIENCE = 2.0, 300.0
"""Seconds that a token is kept at first, and at most, although it is refused, before another is fetched: the token
server is not called for each refusal."""
DOUBT = 2.0
"""Seconds for which calls wait for the successor of a token that may be good."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds without another fetch after one that failed: doubled each time, until one works."""

_log = logging.getLogger(__name__)


def token_server(url: str) -> Endpoints:
    """The token endpoint, without a breaker that closes it for long: fetches have pauses of their own."""
    return Endpoints([url], cool_down=0.0)


def join_client(client_id: SecretStr, client_secret: SecretStr) -> SecretStr:
    """Both as one credential, which is how it is compared, kept and handed on."""
    return SecretStr(":".join(quote(part.get_secret_value(), safe="") for part in (client_id, client_secret)))


class Token(WireModel):
    """What section 5.1 says of the answer."""

    access_token: Annotated[str, Field(pattern=r"^[\x21-\x7e]{1,16384}$", repr=False)]
    token_type: Annotated[str, Field(pattern=r"^(?i:bearer)$")]
    expires_in: Annotated[float | None, Field(gt=0, le=31_536_000)] = None


class ClientCredentials:
    """`credential` is what `join_client` made; `transport` speaks to the token endpoint, without authentication;
    `clock` gives monotonic seconds."""

    def __init__(
        self, options: OAuth2, credential: SecretStr, transport: Transport, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._options, self._transport, self._clock = options, transport, clock
        client_id, _, client_secret = credential.get_secret_value().partition(":")
        # RFC 6749 section 2.3.1 form-encodes both for HTTP Basic; Authlib leaves that to its caller.
        self._client = ClientAuth(client_id, client_secret, "client_secret_basic")
        self._secrets = (credential, SecretStr(unquote(client_secret)))
        self._known: SecretStr | None = None
        self._since = self._due = self._end = self._patience = 0.0
        self._doubted = False
        self._refused_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._asked_at = 0.0
        self._failure: ProviderError | None = None
        self._again, self._failures = 0.0, 0

    async def token(self) -> SecretStr:
        """The token that is known while it is good, or a new one; calls that wait for it share it."""
        now = self._clock()
        if self._known is None or now >= self._end:
            self._known = None
            await self._new()
        elif now >= self._due:
            await self._renew_beside()
        if self._known is None:
            raise self._failure or Unavailable("fetch an OAuth token: there is none")
        return self._known

    def refused(self, token: SecretStr, *, certain: bool) -> bool:
        """The next call fetches another, unless that happened already, or this one was fetched just now for the same
        reason. False where the token before it was refused as well: then it is the client that is refused. `certain`:
        it was the token that was refused."""
        if self._known != token:
            return True
        now, before = self._clock(), self._refused_at
        age, self._refused_at = now - self._since, now
        is_news = before is None or now - before >= FORGOTTEN
        if is_news or age >= self._patience:
            self._due, self._doubted = now, True
            if certain:
                self._known = None
            self._patience = SOON if is_news else min(2 * self._patience, LONGEST_PATIENCE)
        return is_news

    async def close(self) -> None:
        """Closes connections."""
        if self._fetching is not None:
            await end(self._fetching)
        await self._transport.close()

    async def _new(self) -> None:
        """Raises ProviderError: also for each call of the pause after a fetch that failed."""
        fetch = self._begin()
        if fetch is not None:
            await asyncio.shield(fetch)  # one that is cancelled leaves it to the others
        if self._known is None and self._failure is not None:
            raise self._failure.with_traceback(None)

    async def _renew_beside(self) -> None:
        """Has the token replaced. The one that is known is good meanwhile; where that is in doubt, waits a little."""
        fetch = self._begin()
        patience = self._asked_at + DOUBT - self._clock()
        if fetch is not None and self._doubted and patience > 0:
            await asyncio.wait({fetch}, timeout=patience)

    def _begin(self) -> asyncio.Task[None] | None:
        """The fetch that is under way, or a new one; None in a pause after one that failed."""
        if self._fetching is not None and not self._fetching.done():
            return self._fetching
        if self._failure is not None and self._clock() < self._again:
            return None
        self._asked_at = self._clock()
        self._fetching = asyncio.create_task(self._fetch(), context=Context())  # it is nobody's own
        return self._fetching

    async def _fetch(self) -> None:
        """Never raises what the provider, or a network, is to blame for: that is remembered."""
        try:
            self._took(read(Token, await self._ask()))
        except ProviderError as error:
            self._failed(error)
        except Exception as error:
            if through(error) is not None:
                raise
            self._failed(Unavailable(f"fetch an OAuth token: it failed with {type_of(error)}"))

    def _took(self, token: Token | None) -> None:
        if token is None:
            raise Unavailable("fetch an OAuth token: the answer holds no bearer token")
        life = UNTOLD_LIFE if token.expires_in is None else token.expires_in
        self._known, self._doubted, self._since = SecretStr(token.access_token), False, self._asked_at
        self._end = self._since + life
        self._due = self._end - min(LEEWAY, life / 2)
        self._failure, self._failures = None, 0

    def _failed(self, error: ProviderError) -> None:
        told = error.retry_after.total_seconds() if isinstance(error, Throttled) and error.retry_after else 0.0
        pause = min(max(FIRST_PAUSE * 2 ** min(self._failures, 10), told), LONGEST_PAUSE)
        if not self._failures and self._known is not None:
            left = self._end - self._clock()
            _log.warning("a token is not renewed: %s; the one in use ends in %.0f s", error, left)
        self._failure, self._again, self._failures = error, self._clock() + pause, self._failures + 1

    async def _ask(self) -> Answer:
        scope = " ".join(self._options.scopes or ()) or None
        body = prepare_token_request("client_credentials", scope=scope, audience=self._options.audience)
        _, headers, form = self._client.prepare("POST", "", {}, body)  # type: ignore[no-untyped-call]
        path = "/" if self._options.token_url.endswith("/") else ""  # the transport drops it, and it may matter
        secrets = (*self._secrets, SecretStr(headers["Authorization"].rpartition(" ")[2]))  # which a server may repeat
        call = Call("fetch an OAuth token", "POST", path, headers=headers, form=form, secrets=secrets)
        try:
            return await self._transport.call(call)
        except Rejected as refused:
            raise CredentialRejected(f"{refused}: check the OAuth client") from None
        except Ambiguous as error:
            raise Unavailable(str(error)) from None
