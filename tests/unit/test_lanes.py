"""Lanes give every group its share: none occupies everybody's places, each keeps its order, and all get their turn."""

from collections import Counter
from time import perf_counter

from hypothesis import given
from hypothesis import strategies as st

from keypool.watch.lanes import Lane


def lane(total: int, each: int) -> Lane:
    """A lane in which a key's group is its first letter."""
    return Lane(total, each, lambda key: key[0])


def take_all(from_: Lane) -> list[str]:
    """Keys until there is none, or no room."""
    taken: list[str] = []
    while (key := from_.take()) is not None:
        taken.append(key)
    return taken


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


def in_capitals(total: int, each: int) -> Lane:
    """A lane in which what is written in capitals is urgent."""
    return Lane(total, each, lambda key: key[0].lower(), str.isupper)


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


def test_a_key_costs_the_same_among_ten_thousand_as_among_a_hundred() -> None:
    def seconds_each(groups: int, keys: int) -> float:
        busy = Lane(16 * groups, 16, lambda key: key.split("/")[0])
        names = [f"{number % groups}/{number}" for number in range(keys)]
        begin = perf_counter()
        for name in names:
            busy.put(name)
        while taken := take_all(busy):
            for key in taken:
                busy.done(key)
        return (perf_counter() - begin) / keys

    small = min(seconds_each(10, 100) for _ in range(20))
    large = min(seconds_each(1000, 10_000) for _ in range(3))
    assert large < 20 * small
