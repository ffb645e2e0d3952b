"""Lanes give every group its share: none occupies everybody's places, each keeps its order, and all get their turn."""

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from keypool.watch.lanes import Lane
from tests.effort import steps
from tests.unit.lettered import in_capitals, lane, owned, take_all


def test_a_group_at_its_limit_waits_while_others_go_on() -> None:
    busy = lane(total=10, each=2)
    for key in ("a1", "a2", "a3", "a4", "b1"):
        busy.put(key)
    assert take_all(busy) == ["a1", "b1", "a2"]
    assert len(busy) == 2
    busy.done("b1")
    assert busy.take() is None, "what others give back is not a's"
    busy.done("a1")
    assert busy.take() == "a3"


def test_groups_take_turns_when_places_are_rare() -> None:
    busy = lane(total=1, each=1)
    for key in ("a1", "a2", "a3", "b1", "c1"):
        busy.put(key)
    order = list[str]()
    while (next_one := busy.take()) is not None:
        order.append(next_one)
        busy.done(next_one)
    assert order == ["a1", "b1", "c1", "a2", "a3"]


def test_a_cleared_lane_has_nothing_to_give_and_still_counts_what_runs() -> None:
    busy = lane(total=2, each=1)
    for key in ("a1", "a2", "b1"):
        busy.put(key)
    assert busy.take() == "a1"
    busy.clear()
    assert (busy.take(), len(busy), busy.running) == (None, 0, 1)
    busy.put("a2")
    assert busy.take() is None
    busy.done("a1")
    assert busy.take() == "a2"


def test_what_is_urgent_goes_first_of_its_group_in_the_order_of_its_coming() -> None:
    busy = in_capitals(total=10, each=3)
    for key in ("a1", "a2", "A3", "A4"):
        busy.put(key)
    assert take_all(busy) == ["A3", "A4", "a1"]


def test_what_is_urgent_has_its_groups_turn_taken_first_when_places_are_rare() -> None:
    busy = in_capitals(total=1, each=1)
    for key in ("a1", "b1", "c1", "C2"):
        busy.put(key)
    assert busy.take() == "C2"


def test_what_becomes_urgent_while_it_waits_goes_first() -> None:
    urgent = set[str]()
    busy = Lane(1, is_urgent=urgent.__contains__)
    for key in ("a", "b", "c"):
        busy.put(key)
    urgent.add("c")
    busy.touch("c")
    assert busy.take() == "c"


Steps = st.lists(st.one_of(st.tuples(st.just("put"), st.sampled_from("abc")), st.tuples(st.just("take"), st.just(""))))


@given(Steps, st.integers(1, 6), st.integers(1, 4), st.randoms(use_true_random=False))
def test_limits_hold_and_nothing_is_lost_whatever_comes(
    steps: list[tuple[str, str]], total: int, each: int, random: object
) -> None:
    busy, put, taken, running = lane(total, each), list[str](), list[str](), list[str]()
    for number, (step, group) in enumerate([*steps, *[("take", "")] * (2 * len(steps))]):
        if step == "put":
            put.append(f"{group}{number}")
            busy.put(put[-1])
        elif (key := busy.take()) is not None:
            taken.append(key)
            running.append(key)
        elif running:
            busy.done(running.pop(random.randrange(len(running))))  # type: ignore[attr-defined]
        assert busy.running == len(running) <= total
        assert max(Counter(key[0] for key in running).values(), default=0) <= each
    assert sorted(taken) == sorted(put), "every key gets its turn"
    for group in "abc":
        assert [key for key in taken if key[0] == group] == [key for key in put if key[0] == group], "in its order"


def test_an_owner_has_half_of_the_places_at_most_and_the_other_half_is_free_for_whoever_comes() -> None:
    busy = owned(total=4)
    for number in range(100):
        busy.put(f"ax{number}!")
    assert take_all(busy) == ["ax0!", "ax1!"]
    busy.put("by")
    assert take_all(busy) == ["by"]


def test_urgent_keys_of_many_owners_take_turns_owner_by_owner() -> None:
    busy = owned(total=2)
    for key in (*(f"ax{number}!" for number in range(100)), "bx", "cx!", "dx!"):
        busy.put(key)
    order = list[str]()
    while (taken := busy.take()) is not None:
        order.append(taken)
        busy.done(taken)
    assert order[:4] == ["ax0!", "cx!", "dx!", "ax1!"]
    assert order[-1] == "bx", "what is not urgent comes last where one place is all that there is"


def test_what_waits_for_an_answer_has_no_place_and_is_bounded_for_its_owner_alone() -> None:
    busy = owned(total=2, most=5)
    for number in range(20):
        busy.put(f"ax{number}")
    while (key := busy.take()) is not None:
        busy.waits(key)
    assert busy.running == 5
    busy.put("bx")
    assert take_all(busy) == ["bx"], "all that hangs is a's"
    busy.done("ax0")
    assert busy.take() == "ax5"


def test_whoever_has_an_answer_goes_on_at_once_and_counts_again() -> None:
    busy = owned(total=2)
    for key in ("ax1", "ax2", "ax3", "by1"):
        busy.put(key)
    assert busy.take() == "ax1"
    busy.waits("ax1")
    assert take_all(busy) == ["by1", "ax2"]
    busy.works("ax1")
    busy.done("ax2")
    assert busy.take() is None, "a's half is taken by the one that came back"
    busy.done("ax1")
    assert busy.take() == "ax3"


def test_a_group_that_several_owners_share_leaves_places_to_each_of_them() -> None:
    busy = owned(total=100, each=3)
    for number in range(50):
        busy.put(f"as{number}")
    assert take_all(busy) == ["as0", "as1", "as2"]
    for owner in "bcde":
        busy.put(f"{owner}s0")
    assert take_all(busy) == ["bs0", "cs0", "ds0"], "of all owners, twice as many"
    busy.done("as1")
    assert busy.take() == "es0", "the next one's turn comes before a's"
    busy.done("bs0")
    assert busy.take() == "as3"


Owned = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from([o + g + u for o in "abc" for g in "xy" for u in ("", "!")])),
        st.tuples(st.sampled_from(["take", "waits", "works", "done"]), st.just("")),
    ),
    max_size=120,
)


@given(Owned, st.integers(1, 6), st.integers(1, 3), st.integers(1, 5), st.randoms(use_true_random=False))
def test_shares_hold_and_every_key_gets_its_turn_whoever_waits(
    steps: list[tuple[str, str]], total: int, each: int, most: int, random: Any
) -> None:
    lane = Lane(total, each, lambda key: key[1], lambda key: "!" in key, owner_of=lambda key: key[0], most=most)
    put, taken, running, waiting = list[str](), list[str](), list[str](), set[str]()
    for number, (step, name) in enumerate([*steps, *[("take", ""), ("done", "")] * (len(steps) + 1)]):
        one = random.choice(running) if running else None
        if step == "put":
            put.append(f"{name}{number}")
            lane.put(put[-1])
        elif step == "take" and (key := lane.take()) is not None:
            taken.append(key)
            running.append(key)
            assert len([key for key in running if key not in waiting]) <= total
            assert sum(other[0] == key[0] and other not in waiting for other in running) <= max(total // 2, 1)
            assert sum(other[0] == key[0] for other in running) <= most
            assert sum(other[:2] == key[:2] for other in running) <= each
            assert sum(other[1] == key[1] for other in running) <= 2 * each
        elif one is not None and step == "waits":
            waiting.add(one)
            lane.waits(one)
        elif one is not None and step == "works":
            waiting.discard(one)
            lane.works(one)
        elif one is not None and step == "done":
            running.remove(one)
            waiting.discard(one)
            lane.done(one)
    while running:
        lane.done(running.pop())
        running += [taken.append(key) or key for key in take_all(lane)]  # type: ignore[func-returns-value]
    assert sorted(taken) == sorted(put)
    assert len(lane) == lane.running == 0


def test_a_key_costs_the_same_among_thousands_as_among_a_few() -> None:
    def steps_each(groups: int, keys: int) -> float:
        busy = Lane(16 * groups, 16, lambda key: key.split("/")[0])
        names = [f"{number % groups}/{number}" for number in range(keys)]

        def work() -> None:
            for name in names:
                busy.put(name)
            while taken := take_all(busy):
                for key in taken:
                    busy.done(key)

        return steps(work) / keys

    assert steps_each(groups=100, keys=1000) < 2 * steps_each(groups=10, keys=100)


def test_a_key_of_an_owner_costs_the_same_among_hundreds_of_owners_that_share_a_provider() -> None:
    def steps_each(owners: int, keys: int) -> float:
        busy = Lane(32, 16, lambda _: "shared", owner_of=lambda key: key.split("/")[0], most=256)
        for number in range(keys):
            busy.put(f"{number % owners}/{number}")
        done = list[str]()

        def work() -> None:
            while taken := take_all(busy):
                for key in taken:
                    busy.waits(key)
                    busy.works(key)
                    busy.done(key)
                done.extend(taken)

        effort = steps(work) / keys
        assert len(done) == keys
        return effort

    assert steps_each(owners=100, keys=1000) < 2 * steps_each(owners=10, keys=100)


def test_a_place_that_a_full_owner_cannot_take_goes_to_the_next_owner() -> None:
    """Three owners share group g. c is given its place, and is full by then with a key of another group."""
    busy = Lane(3, 1, lambda key: key[1], lambda key: key.endswith("!"), owner_of=lambda key: key[0])
    busy.put("bg1")
    assert busy.take() == "bg1"
    busy.put("ag1!")
    busy.put("ag2")
    assert busy.take() == "ag1!", "now the group is full"
    busy.put("cg1!")
    busy.put("ch1!")
    busy.done("ag1!")
    assert take_all(busy) == ["ch1!", "ag2"]
