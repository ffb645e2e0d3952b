"""What siblings concluded. It is kept apart from what this relay knows itself: it is a preference, and no more."""

from collections.abc import Hashable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from math import inf
from typing import TypeVar

from keypool_client.policy.cooling import Name
from keypool_client.policy.front import Without
from keypool_client.policy.health import KeyHealth

MOST_RATES = 256
"""Models in verdicts are foreign: of more than these no further one is kept."""
H = TypeVar("H", bound=Hashable)
Rate = tuple[str, Name]
"""A model, and a rate group."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What was heard of one thing."""

    since: float
    until: float
    proven: float = -inf
    """When the last call began that succeeded: what was concluded before is refuted."""

    def joined(self, other: "Claim") -> "Claim":
        """Both together: the later end of what is not refuted. The order in which they came does not matter."""
        proven = max(self.proven, other.proven)
        left = [claim for claim in (self, other) if claim.since > proven] or [self, other]
        return Claim(max(claim.since for claim in left), max(claim.until for claim in left), proven)

    def holds(self, now: float) -> bool:
        """Only time, and a success that began later, end it."""
        return self.until > now and self.since > self.proven


class Hearsay:
    """Claims about keys, credit groups and rate groups."""

    def __init__(self) -> None:
        self._keys: dict[KeyHealth, Claim] = {}
        self._credits: dict[Name, Claim] = {}
        self._rates: dict[Rate, Claim] = {}

    def of_key(self, key: KeyHealth, claim: Claim) -> None:
        """A sibling condemned the key."""
        _join(self._keys, key, claim)

    def of_credit(self, name: Name, claim: Claim) -> None:
        """A sibling found the group's credit spent."""
        _join(self._credits, name, claim)

    def of_rate(self, model: str, name: Name, claim: Claim, now: float) -> bool:
        """A sibling found the group at its limit. False: there are too many of these."""
        if (model, name) not in self._rates and len(self._rates) >= MOST_RATES:
            self._rates = {rate: old for rate, old in self._rates.items() if old.until > now}
            if len(self._rates) >= MOST_RATES:
                return False
        _join(self._rates, (model, name), claim)
        return True

    def succeeded(self, key: KeyHealth, model: str, began: float) -> None:
        """A call with the key succeeded: neither the key nor its groups are what was said before it began."""
        _prove(self._keys, key, began)
        _prove(self._credits, key.credit_name, began)
        _prove(self._rates, (model, key.rate_name), began)

    def keep(self, keys: Iterable[KeyHealth]) -> None:
        """These are the keys from now on."""
        known = set(keys)
        credit, rates = {key.credit_name for key in known}, {key.rate_name for key in known}
        self._keys = {key: claim for key, claim in self._keys.items() if key in known}
        self._credits = {name: claim for name, claim in self._credits.items() if name in credit}
        self._rates = {rate: claim for rate, claim in self._rates.items() if rate[1] in rates}

    def avoiding(self, without: Without, model: str, now: float) -> Without | None:
        """What a request should rather do without, beside what it does without; None: nothing."""
        keys = _held(self._keys, now)
        credit = _held(self._credits, now)
        rates = {name for asked, name in _held(self._rates, now) if asked == model}
        if not (keys or credit or rates):
            return None
        both = Without()
        both.keys, both.breakers = without.keys | keys, without.breakers
        both.credits, both.rates = without.credits | credit, without.rates | rates
        return both

    def until(self, key: KeyHealth, now: float) -> float | None:
        """Until when the key is avoided, for one model at least; None: it is not."""
        claims = [self._keys.get(key), self._credits.get(key.credit_name)]
        claims += [claim for (_, name), claim in self._rates.items() if name == key.rate_name]
        return max((claim.until for claim in claims if claim is not None and claim.holds(now)), default=None)


def _join(claims: dict[H, Claim], place: H, claim: Claim) -> None:
    old = claims.get(place)
    claims[place] = claim if old is None else old.joined(claim)


def _prove(claims: dict[H, Claim], place: H, began: float) -> None:
    old = claims.get(place)
    if old is not None and began > old.proven:
        claims[place] = replace(old, proven=began)


def _held(claims: dict[H, Claim], now: float) -> AbstractSet[H]:
    return {place for place, claim in claims.items() if claim.holds(now)} if claims else frozenset()
