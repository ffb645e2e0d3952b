"""What an object said of its account counts only while it is there to say so."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.reconcile.observe import facts_of
from keypool.reconcile.world import World
from tests.unit.core.builders import PROVIDER


@pytest.mark.parametrize("there", [True, False])
def test_an_account_is_ours_alone_only_while_the_object_that_says_so_is_there(*, there: bool) -> None:
    """Else a key that others made there since could be taken for one whose create call was lost, and be revoked."""
    obj: dict[str, Any] | None = {} if there else None
    world = SimpleNamespace(
        directory=SimpleNamespace(facts=lambda _: replace(PROVIDER, exclusive=True)),
        accounts=SimpleNamespace(confirmed_since=lambda _: None),
        cache=SimpleNamespace(provider_by_uid=lambda _: obj),
    )
    facts = facts_of(cast("World", world), PROVIDER.uid)
    assert facts is not None
    assert facts.exclusive is there
