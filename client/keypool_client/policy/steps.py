"""A request as the policy sees it, and what the policy says is to be done next."""

from dataclasses import dataclass
from enum import StrEnum

from keypool_client.model import Dialect, Endpoint, Key, Pool


@dataclass(frozen=True, slots=True)
class Request:
    """What the policy has to know of a request."""

    dialect: Dialect
    model: str | None
    """Rate limits are kept for each model; None: the request names none."""
    stateless: bool
    """An inference POST that any account can answer: it may go to another pool, and may be repeated."""
    resendable: bool
    """Its body is held, so that it can be sent again at all."""
    deadline: float
    """No attempt begins and no waiting ends after this, in monotonic seconds. An answer under way is not limited."""
    safe_only: bool = False
    """The client said `x-keypool-retry: safe`: never repeat what was perhaps carried out."""
    repeatable: bool = False
    """Carrying it out twice does no harm although it is not stateless: a GET."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send the request with this key to this endpoint, and say how it ended."""

    pool: Pool
    key: Key
    endpoint: Endpoint
    attempt: int
    """1 for the first one, at most 4."""
    fresh: bool = False
    """On a connection that was never used before."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again after this many seconds; nothing is sent until then."""

    seconds: float


class Why(StrEnum):
    """Why an answer goes on to the client as it came."""

    ANSWERED = "answered"
    """It is a success."""
    FINAL = "final"
    """No other key would get a better one."""
    NO_ALTERNATIVE = "no_alternative"
    """Everything that could have answered was tried."""
    NOT_REPEATABLE = "not_repeatable"
    """The request was sent and perhaps carried out, or its body is gone."""
    COMMITTED = "committed"
    """A part of an answer has gone to the client."""
    ATTEMPTS = "attempts"
    """The request has had all its attempts."""
    BUDGET = "budget"
    """The relay has repeated too many requests in the last seconds."""
    DEADLINE = "deadline"
    """The client would not wait as long."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Hand on the last answer as it came, or the relay's own error where there was none."""

    why: Why


@dataclass(frozen=True, slots=True)
class Refuse:
    """There is nothing to send the request with."""

    code: str
    """The code in the error's body, such as keypool_no_usable_key."""
    retry_after: float
    """Seconds, for the header."""


Step = Send | Wait | Hand | Refuse
