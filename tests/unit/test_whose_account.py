"""Whose account a listing is of is asked for each pool, and told from the ledgers with keys at that provider alone."""

from types import SimpleNamespace
from typing import Any, cast

from keypool.cluster.owed import Owed
from keypool.core.account import Account
from keypool.core.brake import Grip
from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.providers.protocol import ListedKey
from keypool.reconcile.accounts import Accounts, Listing
from tests.unit.core.builders import NAMING, NOW, PROVIDER, a_key, a_ledger


class Book:
    """Ledgers of many pools, which nobody may look through."""

    def __init__(self, *ledgers: Ledger) -> None:
        self.owed, self.read = Owed(), list[str]()
        self._handles = {ledger.pool_uid: SimpleNamespace(ledger=ledger) for ledger in ledgers}
        for ledger in ledgers:
            self.owed.change(None, ledger)

    def get(self, uid: str) -> Any:
        """One of them."""
        self.read.append(uid)
        return self._handles.get(uid)


def of_pool(number: int, provider: str) -> Ledger:
    key = a_key(0, name=f"key-{number}", provider=provider)
    return a_ledger(key).model_copy(update={"pool_uid": f"pool-{number}"})


def listing(*handles: str) -> Listing:
    keys = {handle: ListedKey(handle, None, None, True) for handle in handles}
    return Listing(NOW, NOW, keys)


def accounts(book: Book, *behind: str) -> Accounts:
    """`behind`: the pools whose Secrets were written from a newer ledger."""
    registry = SimpleNamespace(is_behind=lambda ledger: ledger.pool_uid in behind)
    return Accounts(cast("Any", None), "system", cast("Any", book), cast("Any", registry), lambda: NOW)


def test_a_verdict_reads_the_ledgers_with_keys_there() -> None:
    book = Book(*(of_pool(number, PROVIDER.uid if number < 2 else "another") for number in range(50)))
    provider = cast("Any", SimpleNamespace(capabilities=NAMING))
    for handles, verdict in (((), Account.CHANGED), (("h-key-1",), Account.SAME)):
        assert accounts(book).verdict(PROVIDER.uid, provider, listing(*handles)) is verdict
    assert accounts(book).judge(PROVIDER.uid, listing()) is Grip.FREE
    assert set(book.read) == {"pool-0", "pool-1"}


def test_a_ledger_that_is_older_than_its_pools_secrets_shows_no_other_account() -> None:
    """As after a restored backup: its keys were replaced since. Any other ledger shows it."""
    book, provider = Book(of_pool(0, PROVIDER.uid)), cast("Any", SimpleNamespace(capabilities=NAMING))
    assert accounts(book, "pool-0").verdict(PROVIDER.uid, provider, listing()) is Account.UNKNOWN
    both = Book(of_pool(0, PROVIDER.uid), of_pool(1, PROVIDER.uid))
    assert accounts(both, "pool-0").verdict(PROVIDER.uid, provider, listing()) is Account.CHANGED


def test_which_ledgers_have_keys_at_a_provider_follows_their_changes() -> None:
    owed, first, second = Owed(), of_pool(1, "a"), of_pool(2, "a")
    owed.change(None, first)
    owed.change(None, second)
    moved = first.model_copy(update={"keys": (*first.keys, a_key(1, KeyState.INTENDED, provider="b"))})
    owed.change(first, moved)
    assert (owed.pools_at("a"), owed.pools_at("b")) == (("pool-1", "pool-2"), ("pool-1",))
    owed.change(moved, None)
    owed.change(second, second.model_copy(update={"keys": ()}))
    assert not owed.pools_at("a")
    assert not owed.pools_at("b")


class Records:
    """The cluster's Secrets, as far as confirmations go: their names."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    async def create(self, _: str, body: Any) -> Any:
        """Made."""
        self.names.add(body["metadata"]["name"])
        return body

    async def delete(self, path: str) -> None:
        """Gone."""
        self.names.discard(path.rpartition("/")[2])


async def test_what_was_confirmed_of_an_account_is_remembered_while_keys_are_owed_there() -> None:
    """The provider object may go before them: without it, their account would be taken for another one again."""
    known, records = accounts(Book()), Records()
    known._client = cast("Any", records)
    await known.confirm(PROVIDER.uid, "moved")
    await known.forget(PROVIDER.uid, owed=True)
    assert known.confirmed_since(PROVIDER.uid) == NOW
    assert known.recorded() == (PROVIDER.uid,)
    assert records.names
    await known.forget(PROVIDER.uid, owed=False)
    assert known.confirmed_since(PROVIDER.uid) is None
    assert not records.names
