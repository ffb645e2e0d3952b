"""Numbers from a provider, bounded where they come in: the one place that says what a number may be.

Behind it, sums, comparisons, ledgers and metrics can take whatever comes: nothing overflows, and nothing grows
for ever. A number beyond these bounds is as good as no number.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field

from keypool.core.limits import Usage

MOST = 2**53
"""Of whatever is counted: up to here a float, as metrics have it, tells two numbers apart."""
MOST_SPENT = Decimal(10**12)
"""US dollars."""
PLACES = 9
"""Digits behind the point that an amount keeps."""
YEARS = range(2000, 2200)
"""In which a key can be made, used or expire: arithmetic with times knows no year 10000."""
MAX_RETRY_AFTER = timedelta(hours=1)
"""The longest pause that a provider may ask for at once."""


def utc(time: datetime) -> datetime:
    """ISO 8601 without a zone is taken as UTC. Raises ValueError for times no key can have."""
    aware = time if time.tzinfo else time.replace(tzinfo=UTC)
    if aware.year not in YEARS:
        raise ValueError("not a plausible time of a key")
    return aware


def amount(spent: Decimal) -> Decimal:
    """Without digits that nobody can pay. Raises ValueError for what nobody can spend."""
    if not spent.is_finite() or not 0 <= spent <= MOST_SPENT:
        raise ValueError("not a plausible amount")
    return spent if -PLACES <= int(spent.as_tuple().exponent) <= 0 else round(spent, PLACES)


def pause(asked: timedelta) -> timedelta:
    """What is honoured of a pause that a provider asks for."""
    return max(timedelta(0), min(asked, MAX_RETRY_AFTER))


def usage(told: Usage) -> Usage:
    """The same, of somebody who made it without these types. Raises ValueError or TypeError for what it cannot be."""
    if told.requests is not None and (type(told.requests) is not int or not 0 <= told.requests <= MOST):
        raise ValueError("not a plausible number of requests")
    if told.spend is not None and not isinstance(told.spend, Decimal):
        raise TypeError("no amount")
    spend = amount(told.spend) if told.spend is not None else None
    last, ends = (utc(at) if at is not None else None for at in (told.last_used_at, told.window_ends))
    return Usage(spend, told.requests, last, ends)


Count = Annotated[int, Field(ge=0, le=MOST)]
Money = Annotated[Decimal, Field(strict=False), AfterValidator(amount)]
Moment = Annotated[datetime, Field(strict=False), AfterValidator(utc)]
"""In ISO 8601, or in seconds since the epoch. Strict, it would be refused below a `Maybe`, which sees no JSON."""
