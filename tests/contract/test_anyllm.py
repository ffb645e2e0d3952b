"""What is any-llm-gateway's own: users that stay behind, pages in no order, 403 that is no dead key."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from keypool.providers.anyllm import AnyLLMProvider
from keypool.providers.errors import Ambiguous
from keypool.providers.protocol import Probe, Revocation
from tests.contract.subjects import SUBJECTS, Subject, key_for
from tests.upstreams.gateways import AnyLLMUpstream
from tests.upstreams.proxy import Say


@pytest.fixture
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """The adapter with the real gateway."""
    async with SUBJECTS["anyllm"](request.getfixturevalue) as opened:
        yield opened


async def test_no_user_stays_behind_when_a_key_is_revoked(subject: Subject) -> None:
    assert isinstance(subject.upstream, AnyLLMUpstream)
    before = await subject.upstream.users()
    made = await subject.provider.create(key_for(subject.provider))
    assert await subject.upstream.users() > before
    await subject.provider.revoke(made.handle)
    assert await subject.upstream.users() == before


async def test_a_user_that_cannot_be_deleted_keeps_no_key_alive(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    subject.proxy.next("DELETE", "/v1/users/", Say(500, "{}"), 10)
    assert await subject.provider.revoke(made.handle) is Revocation.DELETED
    assert await subject.provider.probe(made.value) is Probe.REJECTED


async def test_a_key_says_whose_it_is(subject: Subject) -> None:
    whose = {"keypool.dev/namespace": "a", "example.com/cost-centre": "4711"}
    made = await subject.provider.create(replace(key_for(subject.provider), metadata=whose))
    assert isinstance(subject.upstream, AnyLLMUpstream)
    assert whose.items() <= (await subject.upstream.metadata_of(made.handle)).items()


async def test_the_user_of_a_key_that_somebody_else_deleted_goes_and_no_other(subject: Subject) -> None:
    assert isinstance(subject.upstream, AnyLLMUpstream)
    assert isinstance(subject.provider, AnyLLMProvider)
    before = await subject.upstream.users()
    made = await subject.provider.create(key_for(subject.provider))
    await subject.upstream.make_foreign_key("theirs")
    await subject.upstream.end_key_outside(made.handle)
    assert f"apikey-{made.handle}" in await subject.upstream.users()
    for _ in range(2):  # repeating it is harmless
        await subject.provider.forget(made.handle)
    left = await subject.upstream.users()
    assert f"apikey-{made.handle}" not in left
    assert len(left) == len(before) + 1, "the other key's user is untouched"


async def test_403_is_no_dead_key(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    subject.proxy.next("GET", "/v1/models$", Say(403, '{"detail": "over budget"}'))
    assert await subject.provider.probe(made.value) is Probe.ACCEPTED


def page(*ids: str) -> Say:
    """A page of the listing that holds these keys; a page is full with ten."""
    return Say(body=json.dumps([{"id": one, "key_name": one, "is_active": True} for one in ids]))


FULL = tuple(f"k{number}" for number in range(10))


@pytest.mark.parametrize(("again", "agree"), [(("x",), True), (("k3",), False)])
async def test_a_listing_of_several_pages_counts_only_when_two_agree(
    subject: Subject, again: tuple[str, ...], agree: bool
) -> None:
    """The second listing's last page repeats a key of its first page, instead of showing the one that is left."""
    for shown in (FULL, ("x",), FULL, again):
        subject.proxy.next("GET", "/v1/keys$", page(*shown))
    if agree:
        assert {key.handle for key in await subject.provider.list_keys()} == {*FULL, "x"}
    else:
        with pytest.raises(Ambiguous, match="two listings differ"):
            await subject.provider.list_keys()


async def test_a_listing_of_one_short_page_is_complete(subject: Subject) -> None:
    subject.proxy.next("GET", "/v1/keys$", page("a", "b"))
    assert [key.handle for key in await subject.provider.list_keys()] == ["a", "b"]
    assert len(subject.proxy.seen) == 1
