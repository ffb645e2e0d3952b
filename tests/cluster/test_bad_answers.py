"""A provider that answers badly, late or not at all: told, tried again with growing pauses, no key lost."""

import asyncio
import socket
import time
from datetime import timedelta

import pytest

from keypool_lab.simulator import Fault, Options, Simulator
from tests.cluster.running import Clock, Operator
from tests.cluster.team import (
    ADMIN_ENTRY,
    ADMIN_SECRET,
    Object,
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
    secret_manifest,
    to,
)
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("bystander")
WATCHED = 6.0


def writes(operator: Operator) -> float:
    """Requests so far of the operator that change something at the API server; the Lease has a client of its own."""
    families = operator.replica.metrics.registry.collect()
    samples = [s for family in families for s in family.samples if s.name == "keypool_kube_requests_total"]
    return sum(s.value for s in samples if s.labels["verb"] not in {"get", "list"})


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_provider_that_is_down_is_told_and_used_when_it_is_up(team: Team) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/v1"
    admin = secret_manifest(ADMIN_SECRET, to(url), **{ADMIN_ENTRY: "the-admin-key"})
    await team.apply(admin, provider_manifest(url), pool_manifest())
    await team.has("chat", "Ready", "False", "ProviderNotReady", saying="no connection")
    assert await team.condition("chat", "Stalled") == {}
    async with Simulator(Options(port=port, admin_key="the-admin-key")) as late:
        await team.ready()
        assert [key.value for key in late.record.live_keys()] == [await team.value()]


BAD = {
    "HTML": Fault(kind="html", match="create", when="before"),
    "500": Fault(kind="status", status=500, match="create"),
    "truncated JSON": Fault(kind="truncate", match="create"),
    "an endless body": Fault(kind="oversize", match="create", size=4 * 2**20),
}


@pytest.mark.parametrize("fault", BAD.values(), ids=BAD)
@pytest.mark.row("INTENDED", "LOST")
async def test_a_create_call_without_a_usable_answer_counts_as_a_key_and_is_tried_once_more(
    provider: str, team: Team, simulator: Simulator, fault: Fault
) -> None:
    simulator.faults.add(fault.model_copy(update={"count": 1}))
    await team.apply(pool_manifest())
    await team.ready()
    revoked = await team.condition("chat", "Revoked")
    assert (revoked["status"], revoked["reason"]) == ("False", "AnswerLost")
    assert len(await team.keys("chat", "held")) == 1
    assert len(simulator.record.calls("create")) == 2
    assert len(simulator.record.live_keys()) == (2 if fault.lets_it_happen else 1)


@pytest.mark.parametrize("retry_after", [None, "0", "1", "nonsense"])
@pytest.mark.row("INTENDED", "REFUSED")
async def test_throttled_creates_pause_and_then_go_on(
    operator: Operator, provider: str, team: Team, simulator: Simulator, retry_after: str | None
) -> None:
    simulator.faults.add(Fault(kind="throttle", match="create", retry_after=retry_after))
    before = writes(operator)
    await team.apply(pool_manifest())
    ready = await team.has("chat", "Ready", "False", "ProviderThrottled")
    assert "429" in ready["message"]
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls("create")) <= 7
    assert writes(operator) - before <= 40
    simulator.faults.clear()
    await team.ready(deadline=20)
    assert simulator.record.mutations() == {"created": 1}


async def test_a_provider_that_always_fails_is_called_seldom_and_costs_few_writes(
    operator: Operator, provider: str, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    values = await team.values()
    simulator.faults.add(Fault(kind="status", status=503))
    await team.annotate("chat", rotate="now")
    await team.has("chat", "Healthy", "False", "ProviderUnavailable")
    await asyncio.sleep(1)
    calls, before, since = len(simulator.record.calls()), writes(operator), time.time()
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls(since=since)) <= 12, calls
    assert writes(operator) - before <= 20
    assert await team.values() == values
    assert (await team.condition("chat", "Ready"))["status"] == "True"


async def test_a_provider_that_hangs_blocks_nobody_and_its_late_key_counts_as_held(
    provider: str, team: Team, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="hang", match="create", count=1, when="after", seconds=60))
    await team.apply(pool_manifest())
    await eventually(lambda: _sent(simulator), 10, "the create call is sent")
    await team.apply(pool_manifest("other"))
    await team.ready("other", deadline=5)
    await team.ready(deadline=30)
    assert len(await team.keys("chat", "held")) == 1
    assert len(simulator.record.live_keys()) == 3


async def _sent(simulator: Simulator) -> bool:
    return bool(simulator.record.keys())


@pytest.mark.row("INTENDED", "REFUSED")
async def test_a_create_call_that_is_refused_says_why_and_waits_for_another_spec(
    provider: str, team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(key={"scopes": ["chat:everything"]}))
    stalled = await team.has("chat", "Stalled", "True", "KeyRefused")
    assert "scopes" in stalled["message"]
    since = time.time()
    await asyncio.sleep(WATCHED)
    assert len(simulator.record.calls("create", since)) <= 4
    await team.patch("chat", key={"scopes": ["chat:write"]})
    await team.ready(deadline=3)
    assert simulator.record.mutations() == {"created": 1}


async def test_three_new_keys_rejected_in_a_row_stop_the_minting_until_a_person_asks(
    provider: str, team: Team, simulator: Simulator
) -> None:
    simulator.switches.reject_all = True
    await team.apply(pool_manifest())
    await team.has("chat", "Stalled", "True", "NewKeysRejected", deadline=40)
    await eventually(lambda: _none_live(simulator), 10, "the rejected keys are revoked")
    assert simulator.record.mutations() == {"created": 3, "deleted by api": 3}
    simulator.switches.reject_all = False
    await team.poke()
    await asyncio.sleep(1)
    assert simulator.record.mutations()["created"] == 3
    await team.annotate("chat", rotate="try again")
    await team.ready()
    assert [key.value for key in simulator.record.live_keys()] == [await team.value()]


async def _none_live(simulator: Simulator) -> bool:
    return not simulator.record.live_keys()


async def test_a_change_of_the_provider_object_cuts_no_call_that_is_under_way(
    provider: str, team: Team, simulator: Simulator
) -> None:
    simulator.faults.add(Fault(kind="drip", match="create", seconds=0.03))
    await team.apply(pool_manifest())
    await eventually(lambda: _sent(simulator), 10, "the answer to the create call is under way")
    await team.apply(provider_manifest(simulator.url, holySheep={"listsNames": True}))
    await team.ready(deadline=20)
    assert simulator.record.mutations() == {"created": 1}


def held_in(pool: Object) -> int:
    """How many of its keys may exist, as its status says."""
    return int(((pool.get("status") or {}).get("counts") or {}).get("held", 0))


async def test_a_second_lost_answer_stops_the_slot_and_only_this_slot(
    provider: str, team: Team, simulator: Simulator, clock: Clock
) -> None:
    simulator.faults.add(Fault(kind="cut", match="create", count=2))
    await team.apply(pool_manifest())
    for held in (1, 2):
        await team.until("chat", lambda pool: held == held_in(pool), what="answers are lost")  # noqa: B023
        clock.advance(timedelta(seconds=30) if held == 1 else timedelta(minutes=15))
        await team.poke()
    stalled = await team.has("chat", "Stalled", "True", "AnswerLost")
    assert "slot 0 lost the answers of 2 create calls" in stalled["message"]
    await team.poke()
    await asyncio.sleep(1)
    assert len(simulator.record.calls("create")) == 2
    await team.patch("chat", size=2)
    await team.until("chat", lambda pool: pool["status"]["counts"]["published"] == 1, what="slot 1 is served")
    assert len(await team.keys("chat", "held")) == 2
    await team.annotate("chat", **{"clear-lost": "all@looked"})
    await team.until("chat", lambda pool: pool["status"]["counts"]["published"] == 2, what="the slot is freed")
    assert not await team.keys("chat", "held")


@pytest.mark.row("UNRESOLVED", "FOUND")
async def test_a_lost_key_is_found_by_its_name_and_revoked_where_names_are_listed(team: Team, clock: Clock) -> None:
    async with Simulator(Options(names=True)) as naming:
        admin = admin_secret(naming)
        await team.apply(admin, provider_manifest(naming.url, holySheep={"listsNames": True}))
        naming.faults.add(Fault(kind="cut", match="create", count=1))
        await team.apply(pool_manifest())
        await team.has("chat", "Revoked", "False", "AnswerLost")
        clock.advance(timedelta(seconds=31))
        await team.poke()
        await team.ready()
        assert [key.value for key in naming.record.live_keys()] == [await team.value()]
        assert naming.record.mutations() == {"created": 2, "deleted by api": 1}
        await team.has("chat", "Revoked", "True")
