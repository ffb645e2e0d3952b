"""What every provider does, whichever it is."""

from datetime import timedelta

from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint
from keypool.providers.protocol import NewKey, Probe, Provider, Revocation

KEY = NewKey("kp.team.pool.i.n1", timedelta(days=3))


async def test_a_created_key_is_accepted(provider: Provider) -> None:
    created = await provider.create(KEY)
    assert await provider.probe(created.value) is Probe.ACCEPTED


async def test_a_created_key_lives_at_least_as_long_as_asked(provider: Provider) -> None:
    first = await provider.create(KEY)
    longer = await provider.create(NewKey("kp.team.pool.i.n2", timedelta(days=4)))
    assert first.expires_at
    assert longer.expires_at
    assert longer.expires_at - first.expires_at >= timedelta(hours=23)


async def test_a_created_key_is_listed_with_its_fingerprint(provider: Provider) -> None:
    created = await provider.create(KEY)
    [listed] = await provider.list_keys()
    assert (listed.handle, listed.fingerprint, listed.active) == (created.handle, fingerprint(created.value), True)


async def test_the_listing_shows_names_exactly_where_the_capabilities_say_so(provider: Provider) -> None:
    await provider.create(KEY)
    [listed] = await provider.list_keys()
    assert listed.name == (KEY.name if provider.capabilities.lists_names else None)


async def test_two_keys_of_the_same_name_are_two_keys(provider: Provider) -> None:
    one, other = await provider.create(KEY), await provider.create(KEY)
    assert one.handle != other.handle
    assert one.value != other.value


async def test_a_value_that_nobody_made_is_rejected(provider: Provider) -> None:
    assert await provider.probe(SecretStr("sk-hs-nobody-made-this-value")) is Probe.REJECTED


async def test_a_revoked_key_is_rejected_and_no_longer_listed(provider: Provider) -> None:
    created = await provider.create(KEY)
    assert await provider.revoke(created.handle) is Revocation.DELETED
    assert await provider.probe(created.value) is Probe.REJECTED
    assert await provider.list_keys() == ()


async def test_revoking_one_key_leaves_the_others(provider: Provider) -> None:
    gone, kept = await provider.create(KEY), await provider.create(KEY)
    await provider.revoke(gone.handle)
    assert await provider.probe(kept.value) is Probe.ACCEPTED


async def test_revoking_twice_finds_nothing_the_second_time(provider: Provider) -> None:
    created = await provider.create(KEY)
    await provider.revoke(created.handle)
    assert await provider.revoke(created.handle) is Revocation.NOT_FOUND


async def test_revoking_what_never_was_finds_nothing(provider: Provider) -> None:
    assert await provider.revoke("key_that_never_was") is Revocation.NOT_FOUND


async def test_no_repr_of_a_created_key_shows_its_value(provider: Provider) -> None:
    created = await provider.create(KEY)
    assert created.value.get_secret_value() not in repr(created)
