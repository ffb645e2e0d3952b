"""OAuth 2.0 client credentials: how the operator authenticates where a static credential is not wanted.

The tokens of RFC 6749 section 4.4 are fetched through a transport of their own, once for all pools of a provider, and
replaced before they expire. One that the provider refuses, which may be with a 403, was perhaps revoked early: it is
dropped, and the next call has a new one. This call is not repeated: a refusal stops calls instead of repeating them.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Annotated
from urllib.parse import quote, unquote

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from pydantic import Field, SecretStr

from keypool.api.provider_auth import OAuth2
from keypool.providers.adapter import WireModel, read
from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled, Unavailable
from keypool.providers.transport import Answer, Call, Transport

LEEWAY = 60.0
"""Seconds before its end at which a token is replaced; half of its life where it lives less than twice as long."""
UNTOLD_LIFE = 300.0
"""Seconds that a token is used whose life the server does not tell (expires_in is optional, section 5.1)."""
FORGOTTEN = 900.0
"""Seconds without a refusal after which one is again taken for the token's fault: longer than any pause between tries,
or a client without the right scope would never be judged."""
SOON, LONGEST_PATIENCE = 2.0, 300.0
"""Seconds that a token is kept at first, and at most, although it is refused, before another is fetched: the token
server is not called for each refusal."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
"""Seconds without another fetch after one that failed: doubled each time, until one works."""


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
        self._lock = asyncio.Lock()
        self._known: SecretStr | None = None
        self._until = self._since = self._patience = 0.0
        self._refused_at: float | None = None
        self._failure: ProviderError | None = None
        self._again, self._failures = 0.0, 0

    async def token(self) -> SecretStr:
        """The token that is known, or a new one; calls that wait for it share it."""
        async with self._lock:
            if self._known is None or self._clock() >= self._until:
                await self._fetch_unless_paused()
            assert self._known is not None  # noqa: S101
            return self._known

    def refused(self, token: SecretStr) -> bool:
        """The next call fetches another, unless that happened already, or this one was fetched just now for the same
        reason. False where the token before it was refused as well: then it is the client that is refused."""
        if self._known != token:
            return True
        now, before = self._clock(), self._refused_at
        age, self._refused_at = now - self._since, now
        is_news = before is None or now - before >= FORGOTTEN
        if is_news or age >= self._patience:
            self._known = None
            self._patience = SOON if is_news else min(2 * self._patience, LONGEST_PATIENCE)
        return is_news

    async def close(self) -> None:
        """Closes connections."""
        await self._transport.close()

    async def _fetch_unless_paused(self) -> None:
        """A fetch that failed is not repeated for each call that needs a token: these fail likewise for a while."""
        if self._failure is not None and self._clock() < self._again:
            raise self._failure.with_traceback(None)
        try:
            await self._fetch()
        except ProviderError as error:
            self._failed(error)
            raise
        except asyncio.CancelledError:  # also when the call's time is over, and all that wait would take as long
            self._failed(Unavailable("fetch an OAuth token: no answer in time, a moment ago"))
            raise
        self._failure, self._failures = None, 0

    def _failed(self, error: ProviderError) -> None:
        told = error.retry_after.total_seconds() if isinstance(error, Throttled) and error.retry_after else 0.0
        pause = min(max(FIRST_PAUSE * 2 ** min(self._failures, 10), told), LONGEST_PAUSE)
        self._failure, self._again, self._failures = error, self._clock() + pause, self._failures + 1

    async def _fetch(self) -> None:
        asked = self._clock()
        token = read(Token, await self._ask())
        if token is None:
            raise Unavailable("fetch an OAuth token: the answer holds no bearer token")
        life = UNTOLD_LIFE if token.expires_in is None else token.expires_in
        self._known, self._since = SecretStr(token.access_token), asked
        self._until = asked + max(life - LEEWAY, life / 2)

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
