"""What every provider does, whichever it is, when all goes well. What it cannot do, it refuses."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import TypeVar

import pytest
from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint
from keypool.core.limits import Limits, SpendLimit, Usage
from keypool.providers.errors import Rejected
from keypool.providers.protocol import Found, ListedKey, Probe, Provider, Revocation
from tests.contract.subjects import Subject, key_for

T = TypeVar("T")

LIMITS = Limits(spend=SpendLimit(Decimal("12.5"), "Monthly"))


async def answer_of(awaitable: Awaitable[T], able: bool) -> T | type[Rejected]:
    """The answer, or `Rejected` where the provider lacks the ability; then it must say that it lacks it."""
    if able:
        return await awaitable
    with pytest.raises(Rejected, match="the provider does not"):
        await awaitable
    return Rejected


def unlike(handle: str) -> str:
    """A handle of the same form that no key has."""
    return handle[:-1] + ("1" if handle.endswith("0") else "0")


async def listed(provider: Provider, handle: str) -> ListedKey | None:
    return next((key for key in await provider.list_keys() if key.handle == handle), None)


async def test_a_created_key_is_accepted(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_a_created_key_lives_at_least_as_long_as_asked(provider: Provider) -> None:
    first = await provider.create(key_for(provider))
    longer = await provider.create(replace(key_for(provider), lifetime=timedelta(days=4)))
    assert first.expires_at
    assert longer.expires_at
    assert longer.expires_at - first.expires_at >= timedelta(hours=23)


async def test_a_created_key_is_listed_with_its_fingerprint_where_values_are(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    [key] = await provider.list_keys()
    expected = fingerprint(created.value) if provider.capabilities.lists_values else None
    assert (key.handle, key.fingerprint, key.active) == (created.handle, expected, True)


async def test_the_listing_shows_names_exactly_where_the_capabilities_say_so(provider: Provider) -> None:
    wanted = key_for(provider)
    await provider.create(wanted)
    [key] = await provider.list_keys()
    assert key.name == (wanted.name if provider.capabilities.lists_names else None)


async def test_the_same_create_twice_is_one_key_where_we_choose_the_value_and_else_two_or_one(
    provider: Provider,
) -> None:
    wanted, same = key_for(provider), provider.capabilities.chooses_value
    one, other = await provider.create(wanted), await provider.create(wanted)
    assert (one.handle == other.handle) is (one.value == other.value), "a name may be taken once"
    assert one.handle == other.handle or not same
    assert len(await provider.list_keys()) == len({one.handle, other.handle})


async def test_creates_of_the_same_key_at_once_are_one_key_where_we_choose_the_value(provider: Provider) -> None:
    wanted = key_for(provider)
    made = await asyncio.gather(*(provider.create(wanted) for _ in range(6)))
    assert len({key.handle for key in made}) in ({1} if provider.capabilities.chooses_value else {1, 6})


async def test_a_value_that_nobody_made_is_rejected(provider: Provider) -> None:
    assert await provider.probe(SecretStr("sk-nobody-made-this-value-0123")) is Probe.REJECTED


async def test_a_revoked_key_is_rejected_and_no_longer_listed(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    assert await provider.revoke(created.handle) is Revocation.DELETED
    assert await provider.probe(created.value) is Probe.REJECTED
    assert await provider.list_keys() == ()


async def test_revoking_one_key_leaves_the_others(provider: Provider) -> None:
    gone, kept = await provider.create(key_for(provider)), await provider.create(key_for(provider))
    await provider.revoke(gone.handle)
    assert await provider.probe(kept.value) is Probe.ACCEPTED


async def test_revoking_twice_finds_nothing_the_second_time(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    await provider.revoke(created.handle)
    assert await provider.revoke(created.handle) is Revocation.NOT_FOUND


async def test_revoking_what_never_was_finds_nothing(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    assert await provider.revoke(unlike(created.handle)) is Revocation.NOT_FOUND
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_no_repr_of_a_created_key_shows_its_value(provider: Provider) -> None:
    created = await provider.create(key_for(provider))
    assert created.value.get_secret_value() not in repr(created)


async def test_limits_change_in_place_where_they_can_and_the_key_stays(provider: Provider) -> None:
    created, able = await provider.create(key_for(provider)), provider.capabilities.changes_limits
    for limits in (LIMITS, LIMITS, Limits()):
        assert await answer_of(provider.update(created.handle, limits), able) in (Found.DONE, Rejected)
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_a_disabled_key_is_rejected_and_still_listed_until_it_is_enabled(provider: Provider) -> None:
    created, able = await provider.create(key_for(provider)), provider.capabilities.disables_keys
    assert await answer_of(provider.disable(created.handle), able) in (Found.DONE, Rejected)
    assert await provider.probe(created.value) is (Probe.REJECTED if able else Probe.ACCEPTED)
    key = await listed(provider, created.handle)
    assert key
    assert key.active is not able
    assert await answer_of(provider.enable(created.handle), able) in (Found.DONE, Rejected)
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_the_usage_of_a_new_key_is_nothing(provider: Provider) -> None:
    created, known = await provider.create(key_for(provider)), provider.capabilities
    usage = await answer_of(provider.usage(created.handle), known.tells_usage or known.tells_last_use)
    assert usage in (Rejected, Usage(spend=Decimal(0) if known.tells_usage else None))


async def test_no_key_is_found_to_change_or_to_ask_about_that_never_was(provider: Provider) -> None:
    known, never = provider.capabilities, unlike((await provider.create(key_for(provider))).handle)
    told = known.tells_usage or known.tells_last_use
    answers = [
        await answer_of(provider.update(never, LIMITS), known.changes_limits),
        await answer_of(provider.disable(never), known.disables_keys),
        await answer_of(provider.enable(never), known.disables_keys),
    ]
    assert set(answers) <= {Found.NOT_FOUND, Rejected}
    assert await answer_of(provider.usage(never), told) in (None, Rejected)


async def test_a_listing_has_the_keys_of_all_pages(subject: Subject) -> None:
    created = await subject.provider.create(key_for(subject.provider))
    foreign = [await subject.upstream.make_foreign_key(f"foreign-{n}") for n in range(subject.calls.page * 2 + 5)]
    handles = {key.handle for key in await subject.provider.list_keys()}
    assert created.handle in handles
    assert len(handles) == len(foreign) + 1


async def test_a_key_that_somebody_ends_is_rejected_and_no_longer_listed(subject: Subject) -> None:
    created = await subject.provider.create(key_for(subject.provider))
    await subject.upstream.end_key_outside(created.handle.rpartition("/")[2])
    assert await subject.provider.probe(created.value) is Probe.REJECTED
    assert await subject.provider.list_keys() == ()


@pytest.mark.parametrize("handle", ["../keys", "a/../b", "a\nb", "", "a" * 200, "%2e%2e", "a?b", "a/b/c"])
async def test_a_handle_that_is_none_is_refused_before_anything_is_sent(subject: Subject, handle: str) -> None:
    with pytest.raises(Rejected, match="the handle is not one"):
        await subject.provider.revoke(handle)
    assert subject.proxy.seen == []


@pytest.mark.parametrize("value", ["", "short", "sk-with a space-0123", "sk-line\r\nbreak-0123", "sk-ümlaut-0123456"])
async def test_a_value_that_no_header_can_carry_is_refused_before_anything_is_sent(
    subject: Subject, value: str
) -> None:
    with pytest.raises(Rejected, match="the value is not one"):
        await subject.provider.probe(SecretStr(value))
    assert subject.proxy.seen == []
