"""Keys of deleted pools that are not revoked yet: too many of them, and the namespace's new pools wait."""

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

from keypool.cluster.errors import Forbidden
from keypool.cluster.ledgers import LedgerBook
from keypool.cluster.namespaces import Namespaces
from keypool.cluster.owed import Owed
from keypool.core.debts import MOST_OWED
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason
from keypool.reconcile.debts import Debts
from keypool.reconcile.memory import LONGEST_OWED, LONGEST_PAUSE, Memory
from tests.unit.core.builders import HOUR, NOW, a_key, a_ledger, a_pool, a_spec, concluded, planned, seen

NEW = a_ledger(satisfied_generation=None)


def owing(keys: int, at: datetime = NOW, state: KeyState = KeyState.OWED) -> Ledger:
    """The ledger of a pool that is gone."""
    return a_ledger(*(a_key(slot, state, intended_at=at) for slot in range(keys)))


class Town:
    """One namespace, which was made at `made`; None where it may not be read."""

    def __init__(self, made: datetime | None = NOW - HOUR) -> None:
        self.made_at, self.asked, self.owed, self.touched = made, 0, Owed(), list[str]()
        book = cast("LedgerBook", SimpleNamespace(owed=self.owed))
        self.debts = Debts(book, cast("Namespaces", self), self.touched.append)

    async def made(self, name: str) -> datetime:
        self.asked += 1
        if self.made_at is None:
            raise Forbidden("get namespace")
        return self.made_at


async def test_a_new_pool_waits_while_its_namespace_owes_too_many_keys_and_is_told_how_many() -> None:
    town = Town()
    town.owed.change(None, owing(MOST_OWED))
    assert await town.debts.refusal(NEW) is None
    town.owed.change(None, owing(3))
    problem = await town.debts.refusal(NEW)
    assert problem is not None
    assert problem.reason is Reason.KEYS_OWED
    assert f"{MOST_OWED + 3} keys of deleted pools of namespace {NEW.namespace}" in problem.message
    o = seen(pool=a_pool(spec=a_spec(size=1)), ledger=NEW, refused=problem)
    told = {each.type: each.reason for each in concluded(o, *planned(o).problems).conditions}
    assert (told["Reconciling"], "Stalled" in told) == ("KeysOwed", False)


async def test_pools_that_have_keys_are_served_however_many_keys_are_owed() -> None:
    town = Town()
    town.owed.change(None, owing(2 * MOST_OWED))
    assert await town.debts.refusal(a_ledger(a_key(0))) is None
    assert await town.debts.refusal(a_ledger(satisfied_generation=1)) is None


async def test_pools_that_wait_are_looked_at_when_enough_is_revoked() -> None:
    town, debt = Town(), owing(MOST_OWED + 1)
    town.owed.change(None, debt)
    await town.debts.refusal(NEW)
    town.debts.look()
    assert town.touched == []
    town.owed.change(debt, owing(MOST_OWED))
    town.debts.look()
    town.debts.look()
    assert town.touched == [NEW.pool_uid]


async def test_what_a_former_namespace_of_the_same_name_owed_counts_for_nobody() -> None:
    town = Town()
    town.owed.change(None, owing(2 * MOST_OWED, at=NOW - 2 * HOUR))
    assert await town.debts.refusal(NEW) is None


async def test_all_that_is_owed_counts_where_the_namespace_may_not_be_read() -> None:
    town = Town(made=None)
    town.owed.change(None, owing(2 * MOST_OWED, at=NOW - 2 * HOUR))
    assert await town.debts.refusal(NEW) is not None


async def test_the_namespace_is_read_only_while_it_seems_to_owe_too_many() -> None:
    town = Town()
    town.owed.change(None, owing(MOST_OWED))
    await town.debts.refusal(NEW)
    assert town.asked == 0


def test_what_is_owed_is_counted_as_ledgers_change_and_nothing_stays_counted() -> None:
    owed, debt = Owed(), owing(3)
    owed.change(None, owing(3, state=KeyState.ACTIVE))
    assert (owed.keys(), owed.needed(debt.keys[0].provider, exists=True)) == (0, False)
    assert owed.needed(debt.keys[0].provider, exists=False)
    owed.change(owing(3, state=KeyState.ACTIVE), debt)
    assert (owed.keys(), owed.keys(debt.namespace), owed.keys("elsewhere")) == (3, 3, 0)
    assert owed.needed(debt.keys[0].provider, exists=True)
    owed.change(debt, None)
    assert (owed.keys(), owed.needed(debt.keys[0].provider, exists=False)) == (0, False)


def test_what_a_pool_owes_that_is_gone_is_tried_again_after_pauses_that_grow_to_an_hour() -> None:
    assert _pauses(Memory(owes=True))[-1] == LONGEST_OWED
    assert _pauses(Memory())[-1] == LONGEST_PAUSE


def _pauses(memory: Memory) -> list[timedelta]:
    found: list[Any] = []
    for _ in range(15):
        memory.failed("revoke:a", Reason.REVOCATION_PENDING, "", NOW, 0.5)
        found.append(memory.wait_until["revoke:a"] - NOW)
    assert found == sorted(found)
    return found
