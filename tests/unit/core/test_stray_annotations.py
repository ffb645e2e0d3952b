"""An annotation below keypool.dev/ that does nothing is named, with the one that was probably meant."""

import pytest

from keypool.core.annotations import KNOWN, OF_POOLS, OF_PROVIDERS, strays
from keypool.core.conditions import findings
from keypool.core.reasons import Condition
from tests.unit.core.builders import NOW, a_pool, seen

MEANT = {
    "keypool.dev/Rotate": "keypool.dev/rotate",
    "keypool.dev/rotate-now": "keypool.dev/rotate",
    "keypool.dev/compromise": "keypool.dev/compromised",
    "keypool.dev/undo": "keypool.dev/undo-revoke",
    "keypool.dev/undo_revoke": "keypool.dev/undo-revoke",
    "keypool.dev/abandoned": "keypool.dev/abandon",
}


@pytest.mark.parametrize("written", MEANT)
def test_the_nearest_annotation_is_suggested(written: str) -> None:
    assert strays([written], OF_POOLS) == f"an ApiKeyPool has no annotation {written}: the nearest is {MEANT[written]}"


def test_nothing_is_suggested_for_what_is_like_none() -> None:
    assert strays(["keypool.dev/xyz"], OF_POOLS) == "an ApiKeyPool has no annotation keypool.dev/xyz"


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_an_annotation_on_an_object_of_the_other_kind_is_told_where_it_belongs(name: str) -> None:
    here, kinds = (OF_PROVIDERS, ("a provider object", "an ApiKeyPool"))
    if name in OF_PROVIDERS:
        here, kinds = OF_POOLS, kinds[::-1]
    assert strays([name], here) == f"annotation {name} does nothing on {kinds[0]}: it is for {kinds[1]}"


def test_a_pools_first_condition_names_them() -> None:
    pool = a_pool(strays=("keypool.dev/Rotate", "keypool.dev/confirm-account"))
    first = findings(seen(pool=pool), (), NOW)[0]
    assert first[0] is Condition.READY
    assert first[3].endswith(
        "; an ApiKeyPool has no annotation keypool.dev/Rotate: the nearest is keypool.dev/rotate; annotation "
        "keypool.dev/confirm-account does nothing on an ApiKeyPool: it is for a provider object"
    )
