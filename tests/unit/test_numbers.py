"""Numbers from a provider: what no key can have is refused where it comes in, and never reaches sums or metrics."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from keypool.core.limits import Usage
from keypool.providers import numbers
from keypool.providers.adapter import read
from keypool.providers.litellm_wire import Row, Total
from keypool.providers.numbers import MAX_RETRY_AFTER, MOST, Count, Moment, Money
from keypool.providers.oauth import Token
from keypool.providers.outcomes import parse_retry_after
from keypool.providers.transport import Answer
from keypool.providers.webhook_wire import Created, Told

NOW = datetime(2030, 1, 1, tzinfo=UTC)


class Numbers(BaseModel):
    model_config = ConfigDict(strict=True)
    count: Count | None = None
    money: Money | None = None
    moment: Moment | None = None


@pytest.mark.parametrize(
    "text",
    [
        '{"count": 1%s}' % ("0" * 400),
        '{"count": 1%s}' % ("0" * 5000),
        '{"count": 9007199254740993}',
        '{"count": -1}',
        '{"count": 1.5}',
        '{"count": "7"}',
        '{"count": true}',
        '{"money": "9e+999999"}',
        '{"money": 1e400}',
        '{"money": "NaN"}',
        '{"money": "-Infinity"}',
        '{"money": -0.01}',
        '{"money": "1%s"}' % ("0" * 100_000),
        '{"moment": "9999-12-31T23:59:59+00:00"}',
        '{"moment": "0001-01-01T00:00:00+14:00"}',
        '{"moment": 1e300}',
        '{"moment": -99999999999}',
        '{"moment": 1%s}' % ("0" * 400),
    ],
    ids=lambda text: text[:24],
)
def test_what_no_key_can_have_is_refused(text: str) -> None:
    with pytest.raises(ValidationError):
        Numbers.model_validate_json(text)


def test_what_a_key_can_have_is_taken_as_it_is() -> None:
    told = Numbers.model_validate_json(
        '{"count": 9007199254740992, "money": "12.345", "moment": "2030-01-01T00:00:00"}'
    )
    assert (told.count, told.money, told.moment) == (MOST, Decimal("12.345"), NOW)


@pytest.mark.parametrize("text", ["1e-999999", "0." + "0" * 3000 + "1", "0." + "3" * 3000, "1e3"])
def test_an_amount_has_few_digits_however_it_is_written(text: str) -> None:
    spent = numbers.amount(Decimal(text))
    assert len(str(spent)) < 25
    assert abs(spent - Decimal(text)) <= Decimal("1e-9")


@pytest.mark.parametrize(
    "body", [b'{"requests": 1' + b"0" * 400 + b"}", b'{"spend": "9e+999999"}', b'{"requests": 1e99}']
)
def test_usage_of_a_webhook_with_such_a_number_is_no_usage(body: bytes) -> None:
    assert read(Told, Answer(200, body)) is None


def test_an_expiry_in_year_9999_is_no_expiry() -> None:
    body = b'{"id": "a", "value": "0123456789", "expiresAt": "9999-12-31T00:00:00Z"}'
    assert read(Created, Answer(200, body)) is None


def test_what_only_helps_in_a_listing_is_left_out_when_it_cannot_be() -> None:
    row = Row.model_validate_json('{"token": "%s", "spend": 1e300, "expires": "9999-01-01T00:00:00Z"}' % ("a" * 64))
    assert (row.spend, row.expires) == (None, None)


@pytest.mark.parametrize("total", ["1" + "0" * 400, "-1", "1e3"])
def test_a_listings_total_is_a_number_of_keys(total: str) -> None:
    assert read(Total, Answer(200, b'{"keys": [], "total_count": %s}' % total.encode())) is None


@pytest.mark.parametrize("seconds", ["1e300", "0", "-5", "1" + "0" * 400, "31536001"])
def test_a_tokens_life_is_one_that_a_token_can_have(seconds: str) -> None:
    body = b'{"access_token": "t", "token_type": "bearer", "expires_in": %s}' % seconds.encode()
    assert read(Token, Answer(200, body)) is None


@pytest.mark.parametrize("header", ["9" * 18, "9" * 5000, "Fri, 31 Dec 9999 23:59:59 GMT", "-1", "1e9", "\xb2", "٣"])
def test_a_pause_that_is_asked_for_is_at_most_an_hour(header: str) -> None:
    asked = parse_retry_after(header, NOW)
    assert asked is None or timedelta(0) <= asked <= MAX_RETRY_AFTER


NO_USAGE: tuple[Any, ...] = (
    Usage(requests=10**400),
    Usage(requests=-1),
    Usage(requests=True),
    Usage(requests=1.5),  # type: ignore[arg-type]
    Usage(spend=Decimal("NaN")),
    Usage(spend=Decimal("9e999999")),
    Usage(spend=0.5),  # type: ignore[arg-type]
    Usage(last_used_at=datetime.max.replace(tzinfo=UTC)),
    Usage(last_used_at="now"),  # type: ignore[arg-type]
)


@pytest.mark.parametrize("told", NO_USAGE)
def test_an_adapter_of_others_is_held_to_the_same_bounds(told: Usage) -> None:
    with pytest.raises((ValueError, TypeError, AttributeError)):
        numbers.usage(told)
