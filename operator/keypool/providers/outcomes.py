"""Which error an HTTP answer stands for. Pure functions."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import Enum

from pydantic_core import from_json

from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled, Unavailable
from keypool.providers.numbers import pause


def refusal(
    what: str, status: int, said: str = "", retry_after: timedelta | None = None, *, asked: str = ""
) -> ProviderError:
    """The error for an answer that the call did not expect. `what` was tried, `said` is an excerpt of the answer.
    `asked`: the URL, which is told where nothing stands: its path is most often the endpoint's mistake."""
    message = f"{what}: the provider answered {status}" + (f" ({said})" if said else "")
    if asked and status in {404, 405}:
        message += f" to a request for {asked}; is the path of the endpoint's URL right?"
    if 300 <= status < 400:
        return Rejected(f"{message}, a redirect; redirects are never followed, so check the endpoint's URL")
    if status == 401:
        return CredentialRejected(f"{message}: it refuses the admin credential")
    if status == 425:
        return Unavailable(message)
    if status == 429:
        return Throttled(message, retry_after)
    if 400 <= status < 500 and status != 408:
        return Rejected(message, forbidden=status == 403)
    return Ambiguous(message)


_BAD_TOKEN = frozenset({"invalid_token", "expired_token", "token_expired", "token_revoked", "insufficient_scope"})
"""RFC 6750 section 3.1, and what others call the same."""


class Blame(Enum):
    """What a refusal may be about."""

    REQUEST = "request"
    PERHAPS = "perhaps the credential"
    CREDENTIAL = "the credential"


def blame(status: int, challenge: str, body: bytes) -> Blame:
    """Whether a refusal is the token's fault: it says so in WWW-Authenticate (`challenge`), or as the JSON error's
    code, whatever the status. It may be with 401; with 403, as some answer to a token that was revoked; and with a
    redirect, as a gateway sends strangers to its login page."""
    if not 300 <= status < 500 or status == 429:
        return Blame.REQUEST
    codes = {code.lower() for code in re.findall(r'error="?([A-Za-z_]{1,64})', challenge[:1024])}
    if _BAD_TOKEN & (codes | _error_codes(body)):
        return Blame.CREDENTIAL
    return Blame.PERHAPS if status in {401, 403} or status < 400 else Blame.REQUEST


def _error_codes(body: bytes) -> set[str]:
    try:
        parsed = from_json(body)
    except ValueError:
        return set()
    error = parsed.get("error") if isinstance(parsed, dict) else None
    places = (error, *(error.get(key) for key in ("code", "type"))) if isinstance(error, dict) else (error,)
    return {place.lower() for place in places if isinstance(place, str)}


def parse_retry_after(header: str | None, now: datetime) -> timedelta | None:
    """Reads a Retry-After header, in seconds or as an HTTP date; at most an hour. None when absent or nonsense."""
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,18}", digits := header.strip()):
        return pause(timedelta(seconds=min(int(digits), 86400)))
    try:
        date = parsedate_to_datetime(header)
        wait = (date if date.tzinfo else date.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return pause(wait)


def until_midnight(now: datetime) -> timedelta:
    """How long the day lasts from `now`, in UTC: so long a daily quota that is used up refuses."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today + timedelta(days=1) - now
