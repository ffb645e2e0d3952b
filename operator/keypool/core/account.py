"""Whether a credential belongs to the account in which this installation's keys are. Purely computational.

Where a provider does not tell which account a credential belongs to, its listing does: it shows our keys, or it shows
none of those that it must show.
"""

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState

LIVE = (KeyState.CREATED, KeyState.ACTIVE, KeyState.DRAINING)
"""Withdrawn keys expired or were rejected, and those that are revoked may be gone: their absence says nothing."""


class Account(Enum):
    """SAME: a key of ours is listed. UNKNOWN: there is none that must be listed. CHANGED: none of those is listed."""

    SAME = "same"
    UNKNOWN = "unknown"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Expectation:
    """Which keys must be listed: at `provider`, made by `visible` (before the listing lag), alive at `now`, not in
    `rejected` (names; their latest probe), and made after `confirmed`: a person said that older ones are elsewhere."""

    provider: str
    visible: datetime
    now: datetime
    rejected: Container[str] = frozenset()
    confirmed: datetime | None = None

    def holds_for(self, key: KeyRecord) -> bool:
        """Whether this key must be listed."""
        made = key.created_at
        return (
            key.state in LIVE
            and made is not None
            and made <= self.visible
            and (self.confirmed is None or made > self.confirmed)
            and key.expires_at > self.now
            and key.name not in self.rejected
        )


def account_of(ledgers: Iterable[Ledger], listed: Container[str], expected: Expectation) -> Account:
    """Compares ledgers, read after the listing, with the handles that are `listed`."""
    verdict = Account.UNKNOWN
    for ledger in ledgers:
        for key in ledger.keys:
            if key.provider != expected.provider or key.handle is None:
                continue
            if key.handle in listed:
                return Account.SAME
            if not ledger.retained and expected.holds_for(key):
                verdict = Account.CHANGED
    return verdict


def identities_of(ledgers: Iterable[Ledger], active: Container[str], provider: str) -> dict[str | None, datetime]:
    """Whom our live keys were made for that are listed as `active`, with when the first such key was made."""
    keys = (key for ledger in ledgers for key in ledger.keys if key.provider == provider and key.state in LIVE)
    made: dict[str | None, datetime] = {}
    for key in keys:
        if key.handle is not None and key.handle in active and key.created_at is not None:
            made[key.identity] = min(made.get(key.identity, key.created_at), key.created_at)
    return made


def recorded_in(ledgers: Iterable[Ledger], provider: str, listed: Mapping[str, str | None]) -> frozenset[str]:
    """The `listed` handles (with fingerprints) that ledgers have as this provider's; or, with the same value, as those
    of another provider object in the same account. What a published Secret names proves nothing: others write there."""
    keys = (key for ledger in ledgers for key in ledger.keys if key.handle is not None and key.handle in listed)
    return frozenset(
        key.handle
        for key in keys
        if key.handle is not None and (key.provider == provider or _is_the_same(key, listed[key.handle]))
    )


def _is_the_same(key: KeyRecord, print_: str | None) -> bool:
    return print_ is not None and key.print == print_


def may_be_elsewhere(key: KeyRecord, confirmed: datetime | None) -> bool:
    """Whether this key was made before a person `confirmed` that the account is another one: that it is not found
    there proves nothing."""
    return confirmed is not None and (key.created_at or key.intended_at) <= confirmed
