"""What keys spend at a provider that tells it: limits upstream, metrics across rotations, a condition and an Event."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest, provider_manifest, secret_manifest, to
from tests.upstreams.openrouter import OpenRouter
from tests.upstreams.openrouter_keys import Key
from tests.waiting import eventually

LIMIT = {"amount": "10", "period": "Monthly", "alertAt": [50, 100]}
TIMES: dict[str, Any] = {"rotation": {"overlap": {"min": "30s"}, "quiet": "0s"}, "health": {"probeEvery": "5s"}}


@pytest.fixture
async def openrouter(team: Team) -> AsyncIterator[OpenRouter]:
    """An account at OpenRouter, and its KeyProvider."""
    async with OpenRouter() as running:
        await team.apply(
            secret_manifest("openrouter-admin", to(running.url), adminKey=running.admin_credential),
            provider_manifest(
                running.url, holySheep=None, openRouter={}, auth={"secretRef": {"name": "openrouter-admin"}}
            ),
        )
        yield running


async def make_pool(team: Team, **limit: Any) -> None:
    """A pool of one key with a spending limit, Ready."""
    await team.apply(pool_manifest(key={"spendLimit": {**LIMIT, **limit}}, **TIMES))
    await team.ready()


def key_of(openrouter: OpenRouter, value: str | None) -> Key:
    """The key of this value as the provider has it."""
    return openrouter.key_of_value(value or "")


async def metric(operator: Operator, name: str) -> float | None:
    """The value of the pool's series of that name; None while there is none."""
    lines = operator.replica.metrics.text().decode().splitlines()
    return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(f"{name}{{")), None)


async def shows(operator: Operator, name: str, value: float) -> None:
    """Waits until the series has this value."""

    async def has() -> bool:
        return await metric(operator, name) == pytest.approx(value)

    await eventually(has, 20, f"{name} is {value}")


async def test_a_limit_reaches_the_provider_and_is_changed_in_place(
    operator: Operator, team: Team, openrouter: OpenRouter
) -> None:
    assert operator.running
    await make_pool(team)
    value = await team.value()
    terms = key_of(openrouter, value).terms
    assert (terms.limit, terms.limit_reset) == (10, "monthly")
    await team.patch("chat", key={"spendLimit": {**LIMIT, "amount": "25"}})

    async def raised() -> bool:
        return key_of(openrouter, value).terms.limit == 25

    await eventually(raised, 15, "the limit is changed")
    assert await team.value() == value


async def test_spending_is_told_by_condition_and_event_and_goes_on_over_a_rotation(
    operator: Operator, team: Team, openrouter: OpenRouter, clock: Clock
) -> None:
    await make_pool(team)
    first = await team.value()
    await team.has("chat", "WithinSpendLimit", "True", "SpendingLow")
    key_of(openrouter, first).use(6, openrouter.clock())
    await team.has("chat", "WithinSpendLimit", "False", "SpendLimitNear", saying="50 % or more")
    assert (await team.told("SpendLimitNear"))["type"] == "Warning"
    await shows(operator, "keypool_spend_limit_fraction", 0.6)

    await team.annotate("chat", rotate="now")
    second = await team.changes(first)
    assert key_of(openrouter, second).terms.limit == pytest.approx(4)
    key_of(openrouter, first).use(1, openrouter.clock())
    clock.advance(timedelta(minutes=2))
    await team.poke()

    async def alone() -> bool:
        return await openrouter.live_fingerprints() == {fingerprint(SecretStr(second))}

    await eventually(alone, 20, "the old key is revoked")
    key_of(openrouter, second).use(2, openrouter.clock())
    await shows(operator, "keypool_pool_spend_usd_total", 9)


async def test_a_key_that_may_spend_no_more_is_not_replaced(
    operator: Operator, team: Team, openrouter: OpenRouter
) -> None:
    await make_pool(team)
    value = await team.value()
    key_of(openrouter, value).use(11, openrouter.clock())
    await team.has("chat", "WithinSpendLimit", "False", "SpendLimitReached")
    await shows(operator, "keypool_spend_limit_fraction", 1.1)
    made = len(await openrouter.live_fingerprints())
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Ready", "True", saying="its spending limit is used up, and a new key could spend nothing")
    assert "its spending limit is used up" in (await team.told("RotationWaits"))["note"]
    assert await team.value() == value
    assert len(await openrouter.live_fingerprints()) == made


async def test_a_key_that_may_spend_no_more_makes_room_in_the_secret_for_one_that_may(
    operator: Operator, team: Team, openrouter: OpenRouter
) -> None:
    assert operator.running
    await team.apply(pool_manifest(size=2, key={"spendLimit": LIMIT}, **TIMES))
    await team.ready()
    first, values = await team.value(), await team.pool_values()
    key_of(openrouter, first).use(11, openrouter.clock())
    assert await team.changes(first, deadline=30) in values
    assert await team.pool_values() == values, "no key was rotated"
    await team.has("chat", "WithinSpendLimit", "False", "SpendLimitReached", saying="the keys of slot 0 spent 100 %")


async def test_what_the_provider_cannot_limit_is_refused_by_field_and_capability(
    operator: Operator, team: Team, openrouter: OpenRouter
) -> None:
    assert operator.running
    assert openrouter.url
    await team.apply(pool_manifest(size=2, key={"spendLimit": {**LIMIT, "scope": "Pool"}}))
    told = await team.has("chat", "Stalled", "True", "Unsupported")
    assert "spec.key.spendLimit.scope" in told["message"]
    assert "limitsGroupSpend" in told["message"]
