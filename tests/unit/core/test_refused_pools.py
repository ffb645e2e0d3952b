"""Pools that a tenant's limits refuse take no place from others, and who has keys keeps his."""

from hypothesis import given
from hypothesis import strategies as st

from keypool.core.roll import Holder
from keypool.core.tenancy import counts_refused
from tests.unit.core.test_tenancy import a_pool_of, a_tenant


def admitted(pools: tuple[Holder, ...], /, **limits: int) -> list[str]:
    """The pools that the counts let have keys."""
    known = a_tenant(limits=limits).limits
    return [pool.uid for pool in pools if counts_refused(known, pool.uid, pools) is None]


def test_a_pool_that_is_refused_takes_no_place_from_others() -> None:
    pools = (a_pool_of("a", age=3, refused=True), a_pool_of("b", age=2), a_pool_of("c", age=1))
    assert admitted(pools, pools=2) == ["a", "b", "c"], "what a is refused for is not its number"
    assert admitted((*pools, a_pool_of("d")), pools=2) == ["a", "b", "c"]


def test_a_refused_pool_that_has_keys_counts_on() -> None:
    pools = (a_pool_of("a", age=3, held=1, refused=True), a_pool_of("b", age=2), a_pool_of("c", age=1))
    assert admitted(pools, pools=2) == ["a", "b"]
    assert admitted(pools, keys=2) == ["a", "b"]


def test_a_pool_that_asks_for_too_many_keys_takes_no_place_of_a_pool() -> None:
    pools = (a_pool_of("wide", size=9, age=3), a_pool_of("b", age=2), a_pool_of("c", age=1), a_pool_of("d"))
    assert admitted(pools, pools=2, keys=4) == ["b", "c"]


def test_what_a_refused_pool_asks_for_takes_no_keys_from_others() -> None:
    pools = (a_pool_of("a", size=4, age=3, refused=True), a_pool_of("b", size=4, age=2))
    assert "b" in admitted(pools, keys=4)


def test_a_pool_whose_refusal_ends_does_not_push_out_one_that_has_keys() -> None:
    """It was refused when the others came, and is the oldest now."""
    pools = (a_pool_of("late", age=9), a_pool_of("b", held=1, age=2), a_pool_of("c", held=1, age=1))
    assert admitted(pools, pools=2) == ["b", "c"]
    assert admitted(pools, pools=3) == ["late", "b", "c"]


@given(st.data())
def test_never_are_more_pools_admitted_than_allowed_and_none_is_refused_while_there_is_room(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(0, 6))
    pools = tuple(
        a_pool_of(
            f"p{n}",
            held=data.draw(st.integers(0, 1)),
            age=data.draw(st.integers(0, 5)),
            refused=data.draw(st.booleans()),
        )
        for n in range(count)
    )
    limit = data.draw(st.integers(1, 6))
    counting = [pool for pool in pools if pool.held or not pool.refused]
    let_in = set(admitted(pools, pools=limit)) & {pool.uid for pool in counting}
    assert len(let_in) == min(limit, len(counting))
