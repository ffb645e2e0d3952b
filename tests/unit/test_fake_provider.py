"""The fake does what it is told, so that tests above it can believe it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint
from keypool.providers.errors import Ambiguous, Throttled, Unavailable
from keypool.providers.fake import FakeProvider
from keypool.providers.protocol import NewKey, Probe

KEY = NewKey("mine", timedelta(days=1))


async def test_scripted_errors_come_in_order_and_then_it_works() -> None:
    fake = FakeProvider()
    fake.fail("create", Unavailable("down"), Throttled("slower"))
    for error in (Unavailable, Throttled):
        with pytest.raises(error):
            await fake.create(KEY)
    assert await fake.create(KEY)


async def test_an_ambiguous_create_leaves_a_key() -> None:
    fake = FakeProvider()
    fake.fail("create", Ambiguous("lost"))
    with pytest.raises(Ambiguous):
        await fake.create(KEY)
    assert [key.name for key in fake.keys.values()] == ["mine"]


async def test_the_same_name_and_value_again_give_the_same_key() -> None:
    fake, chosen = FakeProvider(), replace(KEY, value=SecretStr("sk-chosen"))
    fake.fail("create", Ambiguous("lost"))
    with pytest.raises(Ambiguous):
        await fake.create(chosen)
    assert (await fake.create(chosen)).value == chosen.value
    assert len(fake.keys) == 1


async def test_a_throttled_create_leaves_none() -> None:
    fake = FakeProvider()
    fake.fail("create", Throttled("slower"))
    with pytest.raises(Throttled):
        await fake.create(KEY)
    assert fake.keys == {}


async def test_an_ambiguous_revocation_happens() -> None:
    fake = FakeProvider()
    created = await fake.create(KEY)
    fake.fail("revoke", Ambiguous("lost"))
    with pytest.raises(Ambiguous):
        await fake.revoke(created.handle)
    assert fake.keys == {}


async def test_a_key_disabled_by_somebody_else_is_rejected_and_listed_as_inactive() -> None:
    fake = FakeProvider()
    created = await fake.create(KEY)
    fake.keys[created.handle].active = False
    assert await fake.probe(created.value) is Probe.REJECTED
    assert [key.active for key in await fake.list_keys()] == [False]


async def test_calls_are_noted_in_order_and_without_values() -> None:
    fake = FakeProvider()
    created = await fake.create(KEY)
    await fake.probe(created.value)
    await fake.revoke(created.handle)
    assert fake.calls == [("create", "mine"), ("probe", fingerprint(created.value)), ("revoke", created.handle)]
