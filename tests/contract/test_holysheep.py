"""The HolySheep adapter against the simulator, when all goes well or the provider plainly refuses."""

from datetime import timedelta

import pytest
from pydantic import SecretStr

from keypool.core.limits import Limits
from keypool.providers.errors import Ambiguous, CredentialRejected, Rejected, Throttled, Unavailable
from keypool.providers.holysheep import HolySheepProvider
from keypool.providers.protocol import NewKey, Probe, Revocation
from keypool_lab.simulator import Fault, Options, Simulator
from tests.contract.conftest import holysheep_at
from tests.contract.subjects import PATIENT

KEY = NewKey("kp.team.pool.i.n1", timedelta(days=3))


def adapter(simulator: Simulator, **options: bool) -> HolySheepProvider:
    return holysheep_at(simulator.url, simulator.admin_key, PATIENT, **options)


@pytest.mark.parametrize(
    ("lifetime", "days"),
    [
        (timedelta(seconds=1), 1),
        (timedelta(days=1), 1),
        (timedelta(days=1, seconds=1), 2),
        (timedelta(days=30), 30),
        (timedelta(days=300), 30),
    ],
)
async def test_a_lifetime_is_rounded_up_to_whole_days_within_what_the_provider_grants(
    simulator: Simulator, holysheep: HolySheepProvider, lifetime: timedelta, days: int
) -> None:
    await holysheep.create(NewKey("n", lifetime))
    [key] = simulator.record.keys()
    assert key.expires - key.created == pytest.approx(days * 86400)


async def test_what_is_not_asked_for_gets_the_documented_defaults(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    await holysheep.create(KEY)
    [key] = simulator.record.keys()
    assert (key.name, key.rpm, key.scopes) == (KEY.name, 3000, ("chat:write", "embeddings:write"))


async def test_scopes_and_rate_limit_are_passed_on(simulator: Simulator, holysheep: HolySheepProvider) -> None:
    await holysheep.create(NewKey("n", timedelta(days=1), ("chat:write",), Limits(7)))
    [key] = simulator.record.keys()
    assert (key.rpm, key.scopes) == (7, ("chat:write",))


async def test_a_scope_that_the_provider_does_not_know_is_rejected_by_name(holysheep: HolySheepProvider) -> None:
    with pytest.raises(Rejected, match=r"create a key: the provider answered 422 \(scopes\.0: Input should be"):
        await holysheep.create(NewKey("n", timedelta(days=1), ("root:write",)))


async def test_names_are_listed_where_the_account_shows_them() -> None:
    async with Simulator(Options(names=True)) as simulator:
        provider = adapter(simulator, lists_names=True)
        await provider.create(KEY)
        assert [key.name for key in await provider.list_keys()] == [KEY.name]
        await provider.close()


async def test_the_listing_tells_when_a_key_expires(holysheep: HolySheepProvider) -> None:
    created = await holysheep.create(KEY)
    assert [key.expires_at for key in await holysheep.list_keys()] == [created.expires_at]


async def test_a_disabled_key_is_listed_as_inactive_and_rejected(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    created = await holysheep.create(KEY)
    await simulator.change_key("newest", "disable")
    assert [key.active for key in await holysheep.list_keys()] == [False]
    assert await holysheep.probe(created.value) is Probe.REJECTED


async def test_a_probe_falls_back_to_the_query_and_remembers_it() -> None:
    async with Simulator(Options(query_only=True)) as simulator:
        provider = adapter(simulator)
        created = await provider.create(KEY)
        probes = [await provider.probe(created.value), await provider.probe(SecretStr("sk-hs-unknown-unknown"))]
        await provider.close()
        assert probes == [Probe.ACCEPTED, Probe.REJECTED]
        assert [call.status for call in simulator.record.calls("validate")] == [422, 200, 200]


async def test_a_probe_keeps_the_key_out_of_the_query_where_the_header_is_taken(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    await holysheep.probe(SecretStr("sk-hs-unknown-unknown"))
    assert [call.status for call in simulator.record.calls("validate")] == [200]


async def test_another_refusal_of_a_probe_does_not_send_the_key_in_the_query(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    simulator.faults.add(Fault(kind="status", status=400, match="validate"))
    with pytest.raises(Rejected):
        await holysheep.probe(SecretStr("sk-hs-unknown-unknown"))
    assert len(simulator.record.calls("validate")) == 1


async def test_a_wrong_admin_key_is_the_credentials_fault_on_every_call(simulator: Simulator) -> None:
    provider = holysheep_at(simulator.url, "not-the-admin-key")
    for call in (
        provider.create(KEY),
        provider.revoke("key_1"),
        provider.probe(SecretStr("sk-hs-unknown-unknown")),
        provider.list_keys(),
    ):
        with pytest.raises(CredentialRejected, match="refuses the admin credential"):
            await call
    await provider.close()


async def test_a_changed_admin_key_is_noticed(simulator: Simulator, holysheep: HolySheepProvider) -> None:
    await holysheep.list_keys()
    await simulator.set_admin_key("another-admin-key")
    with pytest.raises(CredentialRejected):
        await holysheep.list_keys()


@pytest.mark.parametrize(("header", "wait"), [("7", timedelta(seconds=7)), (None, None), ("soon", None)])
async def test_throttling_tells_how_long_to_wait_when_the_provider_does(
    simulator: Simulator, holysheep: HolySheepProvider, header: str | None, wait: timedelta | None
) -> None:
    simulator.faults.add(Fault(kind="throttle", retry_after=header))
    with pytest.raises(Throttled) as caught:
        await holysheep.create(KEY)
    assert caught.value.retry_after == wait
    assert simulator.record.keys() == ()


async def test_where_nobody_listens_the_provider_is_unavailable() -> None:
    async with Simulator() as simulator:
        provider = adapter(simulator)
    with pytest.raises(Unavailable, match="create a key: no connection"):
        await provider.create(KEY)
    await provider.close()


@pytest.mark.parametrize(
    "value", ["", "short", "sk-hs-with a space-123", "sk-hs-line\r\nbreak-123", "sk-hs-ümlaut-123456"]
)
async def test_a_value_that_no_header_can_carry_is_refused_before_anything_is_sent(
    simulator: Simulator, holysheep: HolySheepProvider, value: str
) -> None:
    with pytest.raises(Rejected, match="not one that HolySheep gives"):
        await holysheep.probe(SecretStr(value))
    assert simulator.record.calls() == ()


@pytest.mark.parametrize("handle", ["../keys", "a/b", "a\nb", "", "a" * 200, "%2e%2e"])
async def test_a_handle_that_is_no_handle_is_refused_before_anything_is_sent(
    simulator: Simulator, holysheep: HolySheepProvider, handle: str
) -> None:
    with pytest.raises(Rejected, match="not one that HolySheep gives"):
        await holysheep.revoke(handle)
    assert simulator.record.calls() == ()


async def test_after_a_lost_answer_the_key_exists_and_can_be_found_by_its_value(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    simulator.faults.add(Fault(kind="cut", match="create", count=1))
    with pytest.raises(Ambiguous):
        await holysheep.create(KEY)
    [key] = simulator.record.live_keys()
    assert [listed.handle for listed in await holysheep.list_keys()] == [key.id]


async def test_a_lost_answer_to_a_deletion_is_repeated_without_harm(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    created = await holysheep.create(KEY)
    simulator.faults.add(Fault(kind="status", status=502, when="after", match="delete", count=1))
    with pytest.raises(Ambiguous):
        await holysheep.revoke(created.handle)
    assert await holysheep.revoke(created.handle) is Revocation.NOT_FOUND
