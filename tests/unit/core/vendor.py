"""A provider in a few lines: what it really holds, and the faults it was told to have."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from keypool.core.capabilities import Capabilities
from keypool.core.limits import NO_LIMITS, Limits
from keypool.core.rules.creation import longest_life
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Throttled, Unavailable, Unreadable
from keypool.providers.protocol import NewKey

ERRORS: dict[str, ProviderError] = {
    "lost": Ambiguous("the answer was lost"),
    "throttled": Throttled("too many requests", timedelta(seconds=30)),
    "refused": Rejected("no"),
    "down": Unavailable("no connection"),
}
"""Faults by name; beside them "lost before" (nothing happened) and "unreadable" (no value in the answer)."""


@dataclass(slots=True)
class VendorKey:
    """A key as the vendor knows it. `foreign`: somebody else's."""

    name: str
    value: str
    made_at: datetime
    expires_at: datetime
    active: bool = True
    foreign: bool = False
    limits: Limits = NO_LIMITS

    def live(self, now: datetime) -> bool:
        """Whether the vendor accepts it."""
        return self.active and self.expires_at > now


@dataclass(slots=True)
class Vendor:
    """`rejects_all`: probes say no to everything, and the listing does not. New keys are rejected for `lag` and missing
    from listings for the capability's listing lag. `created` are the names of all keys that were asked for, once each
    unless the value was the caller's: then the same name and value give the same key."""

    capabilities: Capabilities
    rejects_all: bool = False
    lag: timedelta = timedelta(seconds=2)
    keys: dict[str, VendorKey] = field(default_factory=dict)
    made: int = 0
    created: list[str] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)
    faults: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    def create(self, new: NewKey, now: datetime) -> tuple[str, SecretStr, datetime]:
        """Handle, value, expiry (in whole days, as some vendors do)."""
        chosen = new.value is not None and self.capabilities.chooses_value
        assert new.name not in self.created or chosen, f"{new.name} was sent twice"
        if new.name not in self.created:
            self.created.append(new.name)
        fault = self._next("create")
        if fault in ("throttled", "refused", "down"):
            raise ERRORS[fault]
        if fault == "lost before":
            raise ERRORS["lost"]
        handle, made = self._key(new, now, chosen=chosen)
        if fault == "unreadable":
            raise Unreadable("no value", handle)
        if fault is not None:
            raise ERRORS[fault]
        return handle, SecretStr(made.value), made.expires_at

    def _key(self, new: NewKey, now: datetime, *, chosen: bool) -> tuple[str, VendorKey]:
        same = [item for item in self.keys.items() if item[1].name == new.name]
        if same:
            assert new.value is not None
            assert same[0][1].value == new.value.get_secret_value(), "the same name with another value"
            return same[0]
        self.made += 1
        handle = f"h{self.made}"
        days = longest_life(new.lifetime) - timedelta(hours=1)
        value = new.value.get_secret_value() if new.value is not None and chosen else f"sk-{self.made}"
        self.keys[handle] = VendorKey(new.name, value, now, now + days, limits=new.limits)
        return handle, self.keys[handle]

    def switch(self, call: str, handle: str, *, active: bool) -> bool:
        """Disables or enables a key; False when there is none."""
        fault = self._next(call)
        if fault not in (None, "lost"):
            raise ERRORS[fault]
        if handle in self.keys:
            assert not self.keys[handle].foreign, "somebody else's key was switched"
            self.keys[handle].active = active
        if fault is not None:
            raise ERRORS[fault]
        return handle in self.keys

    def update(self, handle: str, limits: Limits) -> bool:
        """Gives a key other limits; False when there is none."""
        self._fail("update")
        if handle in self.keys:
            self.keys[handle].limits = limits
        return handle in self.keys

    def probe(self, value: str, now: datetime) -> bool:
        """Whether it accepts the value now."""
        self._fail("probe")
        key = next((key for key in self.keys.values() if key.value == value), None)
        good = key is not None and key.live(now) and now >= key.made_at + self.lag and not self.rejects_all
        if good:
            self.proven.add(value)
        return good

    def revoke(self, handle: str) -> bool:
        """True when it deleted the key, False when there is none."""
        fault = self._next("revoke")
        if fault not in (None, "lost"):
            raise ERRORS[fault]
        gone = self.keys.pop(handle, None)
        assert gone is None or not gone.foreign, "somebody else's key was revoked"
        if fault is not None:
            raise ERRORS[fault]
        return gone is not None

    def listing(self, now: datetime) -> dict[str, str]:
        """Name to handle."""
        self._fail("list")
        lag = self.capabilities.listing_lag
        return {key.name: handle for handle, key in self.keys.items() if now >= key.made_at + lag}

    def names(self) -> set[str]:
        """All names that it holds."""
        return {key.name for key in self.keys.values()}

    def is_active(self, name: str, now: datetime) -> bool:
        """What the listing says of a key, whatever probes say."""
        return any(key.name == name and key.live(now) for key in self.keys.values())

    def _fail(self, call: str) -> None:
        fault = self._next(call)
        if fault is not None:
            raise ERRORS.get(fault, ERRORS["lost"])

    def _next(self, call: str) -> str | None:
        return self.faults[call].popleft() if self.faults[call] else None
