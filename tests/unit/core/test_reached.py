"""An endpoint may be corrected until the provider was reached there, and never afterwards."""

from keypool.core.reached import moved
from keypool.core.reasons import Reason

ONE, OTHER = ("https://a.example/v1",), ("https://b.example/v1",)


def test_before_it_was_reached_any_endpoint_will_do() -> None:
    assert moved(OTHER, None) is None


def test_the_same_endpoints_are_no_move_and_another_order_is() -> None:
    assert moved(ONE, ONE) is None
    assert moved((*OTHER, *ONE), (*ONE, *OTHER)) is not None


def test_what_is_told_names_where_it_was_reached_and_what_to_do() -> None:
    found = moved(OTHER, ONE)
    assert found is not None
    assert (found.reason, found.stalls) == (Reason.ENDPOINT_REFUSED, True)
    assert found.message == (
        "spec.endpoints: the account was reached at https://a.example/v1 before, and keys belong to one account: put "
        "that back, or make a new provider object"
    )
