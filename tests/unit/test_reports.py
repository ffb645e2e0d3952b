"""Reports of relays: who is heard, how often, and what a crowd of them costs."""

from itertools import pairwise

import pytest

from keypool.cluster.cache import Kind
from keypool.cluster.errors import Forbidden
from keypool.core.ledger import Ledger
from keypool.errand import ERRAND, Errand
from keypool.reconcile.reports import AGAIN, CROWD, EVERY, MOST_LOOKS, SOON
from tests.unit.core.builders import NOW, a_ledger
from tests.unit.reporting import KEYS, LATER, MOMENT, Manifest, World, holder


@pytest.fixture
def world() -> World:
    """One of the test's own."""
    return World()


async def test_a_thousand_reports_at_once_wake_a_pool_once_and_cost_one_look_at_a_pod(world: World) -> None:
    told = (holder(f"p{number}", "k0", resourceVersion=str(number + 5)) for number in range(1000))
    woken = [uid for manifest in told for uid in world.tell(manifest)]
    assert woken == ["pool-1"]
    assert await world.look() == SOON
    assert world.asked == ["p999"], "the newest"
    assert world.reports.open("pool-1") == {"k0": NOW}
    assert world.tell(holder("late", "k0")) == [], "the key is asked about already"
    world.answered("k0", accepted=True)
    assert world.reports.open("pool-1") == {}
    assert await world.look() is None
    assert len(world.asked) == 1, "the answer was one to all of them"


async def test_a_report_counts_once_for_a_pod_and_a_key(world: World) -> None:
    assert world.tell(holder("p", "k0")) == ["pool-1"]
    await world.look()
    world.answered("k0", accepted=True)
    assert await world.look() is None
    assert world.tell(holder("p", resourceVersion="6")) == []
    assert world.tell(holder("p", "k0", resourceVersion="7")) == []
    assert world.tell(holder("p", "k0", "k1", resourceVersion="8")) == ["pool-1"], "of another key"


async def test_another_report_of_the_same_pod_counts_after_a_minute(world: World) -> None:
    """A relay tells of a key as rejected for a minute at least; else one blip would make it deaf for the next."""
    world.tell(holder("p", "k0"))
    await world.look()
    world.answered("k0", accepted=True)
    assert await world.look() is None
    assert world.tell(holder("p", "k0", moment=LATER, resourceVersion="6")) == []
    world.seconds += AGAIN
    assert world.tell(holder("p", "k0", moment=MOMENT, resourceVersion="7")) == [], "that was answered"
    assert world.tell(holder("p", "k0", moment=LATER, resourceVersion="8")) == ["pool-1"]
    await world.look()
    assert set(world.reports.open("pool-1")) == {"k0"}


async def test_a_relay_that_lies_has_one_key_of_a_pool_asked_about_in_a_second(world: World) -> None:
    """Whatever it says, of however many keys and pods, and however often."""
    opened = list[tuple[float, str]]()
    for tick in range(400):
        for pod in ("a", "b", "c"):
            world.tell(holder(pod, "k0", "k1", moment=f"moment-{tick}", resourceVersion=str(10 + tick)))
        await world.look(after=0.25)
        for key in world.reports.open("pool-1"):
            opened.append((world.seconds, key))
            world.answered(key, accepted=True)
    times = [at for at, _ in opened]
    assert all(later - before >= 1 for before, later in pairwise(times))
    assert 3 <= len(opened) <= 2 * 2 * 3, "once a minute for a pod and a key, and two keys"
    assert {key for _, key in opened} == {"k0", "k1"}


async def test_a_rejection_leaves_the_key_under_question(world: World) -> None:
    world.tell(holder("p", "k0"))
    await world.look()
    world.answered("k0", accepted=False)
    assert set(world.reports.open("pool-1")) == {"k0"}


async def test_what_nobody_is_there_for_counts_for_nothing_and_is_looked_at_once(world: World) -> None:
    for number in range(100):
        world.tell(holder(f"gone-{number}", "k0"))
    assert await world.look() == EVERY
    assert len(world.asked) == MOST_LOOKS
    assert await world.reports.look(world.ledger) == EVERY, "not before a second has passed"
    assert len(world.asked) == MOST_LOOKS
    for _ in range(10):
        await world.look()
    assert len(world.asked) == len(set(world.asked)) == 100
    assert world.reports.open("pool-1") == {}
    assert set(world.counted) == {False}


async def test_an_honest_report_is_heard_among_forged_ones_on_another_key(world: World) -> None:
    for number in range(100):
        world.tell(holder(f"gone-{number}", "k0"))
    world.tell(holder("honest", "k1"))
    await world.look()
    assert set(world.reports.open("pool-1")) == {"k1"}


async def test_the_pods_of_a_namespace_that_are_looked_up_in_a_second_are_bounded_for_all_its_pools_together(
    world: World,
) -> None:
    meta = {"namespace": "shop", "name": "other", "uid": "pool-2", "resourceVersion": "1"}
    world.cache.upsert(Kind.POOL, {"metadata": meta, "spec": {}})
    world.ledgers["pool-2"] = other = Ledger(pool_uid="pool-2", namespace="shop", pool="other", keys=KEYS)
    for number in range(50):
        world.tell(holder(f"gone-{number}", "k0"))
        world.tell(holder(f"gone-to-{number}", "k0", pool="other"))
    assert await world.look() == await world.reports.look(other) == EVERY
    assert len(world.asked) == MOST_LOOKS


async def test_the_more_holders_report_a_pool_the_more_seldom_they_are_gone_through(world: World) -> None:
    """Else a crowd of them would take the time of all others."""
    for number in range(4 * CROWD):
        world.tell(holder(f"gone-{number}", "k0"))
    pauses = [await world.look() for _ in range(9)]
    assert len(world.asked) == 3 * MOST_LOOKS
    assert pauses == [EVERY, 3.0, 2.0, 1.0] * 2 + [EVERY]


async def test_of_keys_that_are_reported_again_and_again_each_gets_its_turn(world: World) -> None:
    """The first one is reported by ten pods."""
    for number in range(10):
        world.tell(holder(f"a{number}", "k0"))
    await world.look()
    assert set(world.reports.open("pool-1")) == {"k0"}
    world.answered("k0", accepted=True)
    for number in range(10):
        world.tell(holder(f"b{number}", "k0"))
    world.tell(holder("c", "k1"))
    await world.look()
    assert set(world.reports.open("pool-1")) == {"k1"}


async def test_while_a_key_is_asked_about_no_other_pod_that_reports_it_is_looked_up(world: World) -> None:
    for pod in ("a", "b"):
        world.tell(holder(pod, "k0"))
    await world.look()
    assert await world.look() is None
    assert len(world.asked) == 1


async def test_an_api_server_that_does_not_tell_about_pods_holds_up_no_pass(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("keypool.reconcile.reports.PATIENCE", 0.01)
    world.answers.clear()
    world.tell(holder("p", "k0"))
    assert await world.look() == EVERY
    assert world.reports.open("pool-1") == {}
    world.answers.set()
    assert await world.look() == SOON
    assert set(world.reports.open("pool-1")) == {"k0"}


@pytest.mark.parametrize(("urgent", "order"), [(False, ["looks", "passes"]), (True, ["passes", "looks"])])
async def test_the_answer_to_a_leak_waits_for_nobodys_pod(world: World, urgent: bool, order: list[str]) -> None:
    seen = list[str]()

    async def passes() -> None:
        seen.extend(["looks"] * len(world.asked) + ["passes"])

    world.tell(holder("p", "k0"))
    token = ERRAND.set(Errand("shop", urgent))
    try:
        pause = await world.reports.around(world.ledger, {}, passes)
    finally:
        ERRAND.reset(token)
    assert [*seen, *(["looks"] * (len(world.asked) - seen.count("looks")))] == order
    assert pause == SOON


@pytest.mark.parametrize(
    "manifest",
    [
        holder("p", "nobody-knows-it"),
        holder("p", "k0", pool="another"),
        holder("p", "k0", namespace="elsewhere"),
        holder("p", "k0", name="not-the-pod"),
        holder("p", "k0", ownerReferences=[]),
        holder("p", "k0", ownerReferences=[{"apiVersion": "v1", "kind": "Node", "name": "p", "uid": "u"}]),
        holder("p", "k0", ownerReferences=2 * holder("p")["metadata"]["ownerReferences"]),
        holder("p", *(f"k{number}" for number in range(1000))),
        holder("p", "k0", moment="x" * 65),
    ],
)
async def test_a_forged_holder_wakes_nobody(world: World, manifest: Manifest) -> None:
    assert world.tell(manifest) == []
    assert await world.look() is None
    assert world.asked == []


async def test_without_the_right_to_get_pods_nothing_counts_and_it_is_told_once(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.refused = Forbidden
    for pod in ("a", "b"):
        world.tell(holder(pod, "k0"))
    await world.look()
    assert world.reports.open("pool-1") == {}
    assert [record.getMessage() for record in caplog.records] == [
        "no right to get pods: reports of relays that keys are rejected count for nothing"
    ]


async def test_what_was_reported_without_the_right_to_get_pods_counts_a_minute_later_once_it_is_granted(
    world: World,
) -> None:
    world.refused = Forbidden
    world.tell(holder("p", "k0"))
    await world.look()
    assert await world.look() is None
    world.refused, world.seconds = None, world.seconds + AGAIN
    assert await world.look() == SOON
    assert set(world.reports.open("pool-1")) == {"k0"}


async def test_what_is_remembered_goes_with_the_key_and_with_the_pool(world: World) -> None:
    world.tell(holder("p", "k0"))
    await world.look()
    world.ledger = a_ledger(KEYS[1])
    await world.look()
    assert world.reports.open("pool-1") == {}
    world.reports.forget("pool-1")
    assert world.reports._pools == {}


def test_a_ledger_of_another_pool_hears_nothing(world: World) -> None:
    other = Ledger(pool_uid="another", namespace="shop", pool="web", keys=KEYS)
    world.tell(holder("p", "k0"))
    assert world.reports._waiting(other, world.seconds) == []
