"""While a leak's answer works, few others do: they share the loop with it."""

from keypool.watch.lanes import BESIDE_URGENT, Lane
from tests.unit.lettered import in_capitals, owned, take_all


def test_while_only_urgent_keys_may_run_all_others_keep_their_places_in_the_line() -> None:
    held = in_capitals(total=10, each=3)
    held.only_urgent = True
    for key in ("a1", "b1", "B2", "a2"):
        held.put(key)
    assert take_all(held) == ["B2"]
    held.only_urgent = False
    assert take_all(held) == ["a1", "b1", "a2"]


def test_while_an_urgent_key_works_few_others_do_and_none_of_them_starves() -> None:
    busy = owned(total=16)
    for key in (*(f"ax{number}" for number in range(100)), "bx!", *(f"cx{number}!" for number in range(100))):
        busy.put(key)
    taken = take_all(busy)
    assert [key for key in taken if key.endswith("!")] == ["bx!", *(f"cx{number}!" for number in range(8))]
    assert [key for key in taken if not key.endswith("!")] == [f"ax{number}" for number in range(BESIDE_URGENT)]
    busy.done("ax0")
    assert busy.take() == f"ax{BESIDE_URGENT}", "urgent keys without an end hold up nobody for ever"


def test_an_urgent_key_that_waits_for_an_answer_leaves_its_share_of_the_cpu_to_others() -> None:
    busy = owned(total=16)
    for key in ("bx!", *(f"ax{number}" for number in range(100))):
        busy.put(key)
    assert len(take_all(busy)) == 1 + BESIDE_URGENT
    busy.waits("bx!")
    assert len(take_all(busy)) == 16 // 2 - BESIDE_URGENT
    busy.works("bx!")
    busy.done("ax0")
    assert busy.take() is None
    busy.done("bx!")
    assert busy.take() is not None


def test_urgent_keys_of_the_lane_before_count_as_well() -> None:
    first = owned(total=16)
    second = Lane(16, before=first)
    for key in ("ax!", *(f"b{number}" for number in range(100))):
        (first if key == "ax!" else second).put(key)
    assert first.take() == "ax!"
    assert len(take_all(second)) == BESIDE_URGENT
    first.done("ax!")
    assert len(take_all(second)) == 16 - BESIDE_URGENT
