"""Two replicas and one Lease on a real API server: one leads at any time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.election import Timing, steady
from keypool.cluster.lease import Leadership, LeadershipLost
from keypool_lab.controlplane import Cluster
from tests.waiting import eventually, within

QUICK = Timing(duration=4, renew_deadline=3, retry=0.1, request=1.5)
Contender = Callable[[str], Leadership]


class Clock:
    """The steady clock, which a test can move on."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        return steady() + self.skipped


@pytest.fixture
async def client(control_plane: Cluster) -> AsyncIterator[KubeClient]:
    """The administrator's client."""
    client = await KubeClient.connect(str(control_plane.admin_kubeconfig))
    yield client
    await client.close()


@pytest.fixture
def contender(client: KubeClient, namespace: str) -> Contender:
    """Makes a replica's elector."""
    return lambda identity: Leadership(client, namespace, "keypool", identity, timing=QUICK)


async def acquired(leadership: Leadership, within: float = 40) -> Leadership:
    """Wait until it leads."""
    await asyncio.wait_for(leadership.acquire(), within)
    return leadership


async def while_holding(leadership: Leadership, then: Callable[[], Awaitable[None]]) -> None:
    """Do something while a leader renews."""
    holding = asyncio.create_task(leadership.hold())
    try:
        await then()
    finally:
        holding.cancel()
        await asyncio.gather(holding, return_exceptions=True)


async def test_one_leads_and_the_other_waits_as_long_as_it_renews(contender: Contender) -> None:
    first, second = await acquired(contender("first")), contender("second")

    async def outlast() -> None:
        with pytest.raises(TimeoutError):
            await acquired(second, within=2.5 * QUICK.duration)
        assert await first.verify_live()

    await while_holding(first, outlast)
    assert (first.is_leader, second.is_leader, second.holder) == (True, False, "first")
    assert (second.answer_age() or 99) < 1, "a standby that reads the Lease is ready"


async def test_after_a_crash_the_other_takes_over_when_the_lease_ran_out(contender: Contender) -> None:
    first, second = await acquired(contender("first")), contender("second")
    overlap: list[bool] = []
    taking = asyncio.create_task(acquired(second))
    while not taking.done():
        overlap.append(first.is_leader and second.is_leader)
        await asyncio.sleep(0.02)
    assert not any(overlap), "the former leader must have stopped counting on it before"
    assert second.is_leader
    assert first.epoch != second.epoch


async def test_a_release_hands_over_at_once(contender: Contender) -> None:
    first, second = await acquired(contender("first")), contender("second")
    taking = asyncio.create_task(acquired(second))
    await first.release()
    assert not first.is_leader
    await asyncio.wait_for(taking, QUICK.duration * 0.9)


async def test_a_released_leader_stops_holding_quietly(contender: Contender) -> None:
    first = await acquired(contender("first"))
    holding = asyncio.create_task(first.hold())
    await first.release()
    await within(holding, 20)


async def test_a_leader_whose_last_renewal_was_answered_to_nobody_hands_over_at_once(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    """As when it is told to stop in the middle of one: what it holds is older than what the API server has."""
    first, second = await acquired(contender("first")), contender("second")
    await client.patch(paths.lease(namespace, "keypool"), {"metadata": {"labels": {"a": "b"}}})
    await first.release()
    await asyncio.wait_for(acquired(second), QUICK.duration * 0.9)


async def test_a_lease_that_another_took_meanwhile_is_not_released(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    first = await acquired(contender("first"))
    await client.patch(paths.lease(namespace, "keypool"), {"spec": {"holderIdentity": "intruder"}})
    await first.release()
    assert (await client.get(paths.lease(namespace, "keypool")))["spec"]["holderIdentity"] == "intruder"


async def test_a_holder_that_was_paused_sees_at_once_that_it_lost(client: KubeClient, namespace: str) -> None:
    """As after SIGSTOP and SIGCONT: its own clock tells, before any request is sent."""
    clock = Clock()
    first = Leadership(client, namespace, "keypool", "first", timing=QUICK, clock=clock)
    await acquired(first)
    clock.skipped = QUICK.duration
    assert first.remaining() == 0
    with pytest.raises(LeadershipLost):
        await first.hold()
    assert not await first.verify_live()


async def test_a_holder_whose_lease_was_taken_loses_at_its_next_renewal(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    first = await acquired(contender("first"))
    await client.patch(paths.lease(namespace, "keypool"), {"spec": {"holderIdentity": "intruder"}})
    with pytest.raises(LeadershipLost):
        await within(first.hold(), 20)
    assert not first.is_leader


async def test_a_live_look_tells_that_the_lease_was_taken(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    first = await acquired(contender("first"))
    assert await first.verify_live()
    await client.patch(paths.lease(namespace, "keypool"), {"spec": {"holderIdentity": "intruder"}})
    assert not await first.verify_live()
    assert not first.is_leader


async def test_a_deleted_lease_ends_the_leadership_and_a_waiting_replica_waits_for_that(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    first, second = await acquired(contender("first")), contender("second")
    with pytest.raises(TimeoutError):
        await acquired(second, within=0.3)
    await client.delete(paths.lease(namespace, "keypool"))
    taking = asyncio.create_task(acquired(second))
    with pytest.raises(LeadershipLost):
        await within(first.hold(), 20)
    assert not second.is_leader, "it waits until the holder it knew must have noticed"
    await taking


async def test_somebody_elses_edit_of_the_lease_costs_one_attempt_only(
    client: KubeClient, contender: Contender, namespace: str
) -> None:
    first = await acquired(contender("first"))

    async def label() -> None:
        lease = await client.patch(paths.lease(namespace, "keypool"), {"metadata": {"labels": {"a": "b"}}})

        async def renewed() -> bool:
            now = await client.get(paths.lease(namespace, "keypool"))
            return bool(now["spec"]["renewTime"] != lease["spec"]["renewTime"])

        await eventually(renewed, 5)

    await while_holding(first, label)
    assert first.is_leader


async def test_each_leadership_has_an_epoch_of_its_own(contender: Contender) -> None:
    first = contender("first")
    epochs = set()
    for _ in range(3):
        await acquired(first)
        epochs.add(first.epoch)
        await first.release()
    await acquired(first)
    epochs.add((await acquired(first)).epoch)
    assert len(epochs) == 4
