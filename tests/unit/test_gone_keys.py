"""A rejected key that the provider does not list any more is forgotten, and what was made for it goes."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from keypool.core import actions as act
from keypool.core.account import Account
from keypool.core.lifecycle import KeyState
from keypool.providers.errors import Ambiguous
from keypool.providers.fake import FakeProvider
from keypool.reconcile import lookup
from keypool.reconcile.accounts import Listing
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from tests.unit.core.builders import HOUR, NAMING, NOW, PROVIDER, a_key, a_ledger, seen
from tests.unit.test_disabling import Housed
from tests.unit.test_late_create import Stored, enough


class Gone:
    """A pool whose key `old` was deleted by somebody else, at a provider that made a user for it."""

    def __init__(self, provider: Any, *, leads: bool = True) -> None:
        old = a_key(0, KeyState.DRAINING, name="old")
        self.ledger, self.memory = Stored(a_ledger(a_key(0), old)), Memory()
        self.provider, self.leads = provider, leads

    async def look(self) -> bool:
        """The key is looked for."""
        listing = Listing(NOW, NOW, {})

        async def listed(*_: Any) -> Listing:
            return listing

        entry = SimpleNamespace(
            uid="provider-1", provider=self.provider, trusted=True, grievances=SimpleNamespace(worked=lambda *_: False)
        )
        world: Any = SimpleNamespace(
            accounts=SimpleNamespace(listing=listed, verdict=lambda *_: Account.SAME),
            directory=SimpleNamespace(get=lambda _: entry, unanswered=lambda _: False),
            leadership=SimpleNamespace(enough=lambda seconds: enough(60 if self.leads else 0, seconds)),
            deadlines=SimpleNamespace(other=10.0),
            now=lambda: NOW,
            random=lambda: 0.5,
        )
        o = seen(ledger=self.ledger.ledger)
        return await lookup.find_gone(Pass(world, o, cast("Any", self.ledger), self.memory), act.FindGone(("old",)))


async def test_what_was_made_for_a_key_that_somebody_else_deleted_goes_with_it() -> None:
    gone = Gone(provider := Housed())
    assert await gone.look()
    assert gone.ledger.ledger.key("old") is None
    assert provider.users == {"h-another"}


@pytest.mark.parametrize("leads", [True, False])
async def test_the_key_is_remembered_until_that_is_done(*, leads: bool) -> None:
    gone = Gone(provider := Housed(*([Ambiguous("lost")] if leads else [])), leads=leads)
    assert not await gone.look()
    assert gone.ledger.ledger.key("old") is not None
    assert gone.memory.next_try(NOW) is not None
    assert provider.users == {"h-old", "h-another"}


@pytest.mark.parametrize("names", [True, False])
async def test_the_listing_that_proves_the_client_of_a_gone_pool_is_its_first_look_up(*, names: bool) -> None:
    """Without names more is asked of it than of a proof."""
    lost = a_key(0, KeyState.OWED, name="lost", handle=None, value=None, intended_at=NOW - HOUR)
    ledger, listed = Stored(a_ledger(lost)), list[str]()
    entry = SimpleNamespace(uid="provider-1", provider=FakeProvider(capabilities=replace(NAMING, lists_names=names)))
    entry.trusted, entry.grievances = False, SimpleNamespace(worked=lambda *_: False)

    async def take(*_: Any) -> Listing:
        listed.append("list")
        return Listing(NOW, NOW, {})

    async def recall(_: str) -> Any:
        return entry

    accounts = SimpleNamespace(take=take, listing=take, verdict=lambda *_: Account.SAME, noted=lambda *_: None)
    accounts.may_claim = lambda: False
    world: Any = SimpleNamespace(
        accounts=accounts,
        directory=SimpleNamespace(recall=recall, get=lambda _: entry),
        cache=SimpleNamespace(provider_by_uid=lambda _: None),
        now=lambda: NOW,
        random=lambda: 0.5,
    )
    known = replace(PROVIDER, capabilities=entry.provider.capabilities, exclusive=True)
    o = replace(seen(ledger=ledger.ledger, provider=known), pool=None)
    found = await lookup.look_up(Pass(world, o, cast("Any", ledger), Memory()), act.LookUp(("lost",)))
    assert (found, len(listed)) == ((True, 1) if names else (False, 2))
    assert (ledger.ledger.key("lost") is None) is names
