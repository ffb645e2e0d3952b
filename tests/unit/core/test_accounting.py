"""What a provider accounts for keys by: the same for all keys of a pool; another cost centre rotates nothing."""

import pytest

from keypool.core.capabilities import Capabilities
from keypool.core.effective import effective
from keypool.core.naming import metadata_of
from tests.unit.core.builders import a_spec

COSTS = {"example.com/cost-centre": "4711"}


@pytest.mark.parametrize("key", [{"tags": ["team-a"]}, {"metadata": COSTS}], ids=["tags", "metadata"])
@pytest.mark.parametrize("changes_limits", [True, False])
def test_another_way_to_account_for_a_key_needs_no_other_key(key: dict[str, object], *, changes_limits: bool) -> None:
    before, after = (effective(a_spec(key=each), Capabilities()) for each in ({}, key))
    assert before != after
    assert before.template("uid", changes_limits=changes_limits) == after.template("uid", changes_limits=changes_limits)


def test_the_order_in_which_tags_are_written_makes_no_difference() -> None:
    one, other = (effective(a_spec(key={"tags": tags}), None) for tags in (["b", "a"], ["a", "b"]))
    assert one == other


def test_a_key_says_whose_it_is_in_whole_names() -> None:
    """The key's own name cuts them."""
    long = "n" * 200
    assert metadata_of("team", long, "7f3a") == {
        "keypool.dev/namespace": "team",
        "keypool.dev/pool": long,
        "keypool.dev/installation": "7f3a",
    }
