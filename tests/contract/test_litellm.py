"""What is LiteLLM's own: aliases, keys that seem deleted, 422 that is no dead key, teams, another instance's cache."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import SecretStr

from keypool.api.provider_options import LiteLLM
from keypool.core.limits import Identity, Limits, SpendLimit
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.litellm import LiteLLMProvider
from keypool.providers.protocol import Probe, Revocation
from keypool.providers.transport import Transport
from keypool_lab.gateways import LiteLLM as Proxy
from tests.contract.subjects import PATIENT, SUBJECTS, Subject, key_for
from tests.upstreams.gateways import LiteLLMUpstream
from tests.upstreams.proxy import MALFORMED, Say

SHARED = SpendLimit(Decimal(5), "Daily", shared=True)
NOT_LISTED_YET = Say(body='{"keys": [], "total_count": 0, "current_page": 1, "total_pages": 0}')
"""What a proxy says that reads from a replica of its database which lags behind."""


@pytest.fixture
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """The adapter with the real proxy."""
    async with SUBJECTS["litellm"](request.getfixturevalue) as opened:
        yield opened


@pytest.fixture
def upstream(subject: Subject) -> LiteLLMUpstream:
    """The truth about the proxy's keys."""
    assert isinstance(subject.upstream, LiteLLMUpstream)
    return subject.upstream


async def test_a_create_whose_answer_was_lost_is_repeated_without_a_second_key(subject: Subject) -> None:
    wanted = key_for(subject.provider)
    subject.proxy.next("POST", "/key/generate$", MALFORMED)
    with pytest.raises(Ambiguous):
        await subject.provider.create(wanted)
    again = await subject.provider.create(replace(wanted, lifetime=timedelta(days=9)))
    [listed] = await subject.provider.list_keys()
    assert again.handle == listed.handle
    assert again.expires_at == listed.expires_at


async def test_an_alias_that_another_key_has_is_refused(subject: Subject, upstream: LiteLLMUpstream) -> None:
    wanted = key_for(subject.provider)
    await upstream.make_foreign_key(wanted.name)
    with pytest.raises(Rejected, match="already exists"):
        await subject.provider.create(wanted)


async def test_a_create_that_is_refused_for_the_name_of_a_key_that_is_not_listed_yet_may_have_made_that_key(
    subject: Subject,
) -> None:
    wanted = key_for(subject.provider)
    made = await subject.provider.create(wanted)
    subject.proxy.next("GET", "/key/list$", NOT_LISTED_YET, times=2)
    with pytest.raises(Ambiguous, match="already exists"):
        await subject.provider.create(wanted)
    assert (await subject.provider.create(wanted)).handle == made.handle


async def test_a_deleted_key_is_not_found_although_its_info_answers_200(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    await subject.provider.revoke(made.handle)
    assert await subject.provider.revoke(made.handle) is Revocation.NOT_FOUND
    assert await subject.provider.usage(made.handle) is None


async def test_a_key_over_its_budget_is_not_dead(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    over = '{"error": {"message": "Budget has been exceeded!", "type": "budget_exceeded", "code": "422"}}'
    subject.proxy.next("GET", "/v1/models$", Say(422, over))
    assert await subject.provider.probe(made.value) is Probe.ACCEPTED


async def test_a_deletion_that_echoes_other_keys_proves_nothing(subject: Subject) -> None:
    made = await subject.provider.create(key_for(subject.provider))
    subject.proxy.next("POST", "/key/delete$", Say(body='{"deleted_keys": ["another"]}'))
    with pytest.raises(Ambiguous):
        await subject.provider.revoke(made.handle)


async def test_keys_of_a_pool_share_a_limit_by_a_team_that_goes_with_the_last_of_them(
    subject: Subject, upstream: LiteLLMUpstream
) -> None:
    wanted = [replace(key_for(subject.provider), limits=Limits(spend=SHARED), owner="kp.a.b.c.d") for _ in range(2)]
    one, other = [await subject.provider.create(key) for key in wanted]
    assert {key.handle for key in await subject.provider.list_keys()} == {one.handle, other.handle}
    assert "kp.a.b.c.d" in await upstream.teams()
    await subject.provider.revoke(one.handle)
    assert "kp.a.b.c.d" in await upstream.teams()
    assert isinstance(subject.provider, LiteLLMProvider)
    subject.provider.teams.lag = 0
    await subject.provider.revoke(other.handle)
    assert "kp.a.b.c.d" not in await upstream.teams()


async def test_a_team_stays_while_a_new_key_of_it_may_not_be_listed_yet(
    subject: Subject, upstream: LiteLLMUpstream
) -> None:
    """With its team, LiteLLM deletes all keys of it, listed or not."""
    wanted = [replace(key_for(subject.provider), limits=Limits(spend=SHARED), owner="kp.a.b.c.e") for _ in range(2)]
    assert isinstance(subject.provider, LiteLLMProvider)
    subject.provider.teams.lag = 600
    leaked, successor = [await subject.provider.create(key) for key in wanted]
    subject.proxy.next("GET", "/key/list$", NOT_LISTED_YET)
    await subject.provider.revoke(leaked.handle)
    assert await subject.provider.probe(successor.value) is Probe.ACCEPTED
    assert "kp.a.b.c.e" in await upstream.teams()


async def test_keys_of_a_tenant_are_in_its_team(subject: Subject, upstream: LiteLLMUpstream) -> None:
    team = await upstream.make_team(team_alias=key_for(subject.provider).name)
    made = await subject.provider.create(replace(key_for(subject.provider), identity=Identity(team=team)))
    assert made.handle in {key.handle for key in await subject.provider.list_keys()}


async def test_a_key_says_whose_it_is_and_goes_on_to_when_its_limits_change(
    subject: Subject, upstream: LiteLLMUpstream
) -> None:
    whose = {"keypool.dev/namespace": "a", "keypool.dev/pool": "chat", "example.com/cost-centre": "4711"}
    made = await subject.provider.create(replace(key_for(subject.provider), metadata=whose))
    assert await upstream.metadata_of(made.handle) == whose
    await subject.provider.update(made.handle, Limits(requests_per_minute=7))
    assert await upstream.metadata_of(made.handle) == whose


async def test_tags_reach_the_proxy_which_has_them_only_with_a_licence(subject: Subject) -> None:
    with pytest.raises(Rejected, match=r"403.*[Ee]nterprise"):
        await subject.provider.create(replace(key_for(subject.provider), tags=("team-a",)))


async def test_a_team_that_is_not_there_is_refused_before_a_key_is_made(subject: Subject) -> None:
    with pytest.raises(Rejected, match="look up the team"):
        await subject.provider.create(replace(key_for(subject.provider), identity=Identity(team="nobody")))
    assert await subject.provider.list_keys() == ()


async def test_a_key_without_a_value_is_refused(subject: Subject) -> None:
    with pytest.raises(Rejected, match="given their value"):
        await subject.provider.create(replace(key_for(subject.provider), value=None))


async def test_another_instance_accepts_a_deleted_key_for_no_longer_than_the_capability_says(
    subject: Subject, second_litellm_gateway: Proxy
) -> None:
    """Shown is that it does accept it; that a minute is enough was measured once, and is too long for a test."""
    other = LiteLLMProvider(
        LiteLLM(), Transport(second_litellm_gateway.url, SecretStr(second_litellm_gateway.master_key), PATIENT)
    )
    made = await subject.provider.create(key_for(subject.provider))
    assert await other.probe(made.value) is Probe.ACCEPTED
    await subject.provider.revoke(made.handle)
    assert await other.probe(made.value) is Probe.ACCEPTED
    assert other.capabilities.revocation_lag == timedelta(seconds=60)
    await other.close()
