"""A create call whose answer names the key and does not show its value: that key can only be revoked."""

import pytest

from keypool.core.capabilities import Capabilities
from tests.unit.core.builders import SECOND
from tests.unit.core.world import a_world


@pytest.mark.row("INTENDED", "UNREADABLE")
def test_a_key_whose_value_cannot_be_read_is_revoked_and_its_slot_gets_another_one() -> None:
    world = a_world(Capabilities(lists_names=True, activation_lag=5 * SECOND))
    world.vendor.faults["create"].append("unreadable")
    world.reconcile()
    world.pass_time(60 * SECOND)
    first = world.vendor.created[0]
    assert first not in world.live()
    assert world.ledger.key(first) is None
    assert world.ready()
