"""A provider in a few lines: what it really holds, and the faults it was told to have."""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pydantic import SecretStr

from keypool.core.capabilities import Capabilities
from keypool.core.rules.creation import longest_life
from keypool.providers.errors import Ambiguous, ProviderError, Rejected, Throttled, Unavailable, Unreadable

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

    def live(self, now: datetime) -> bool:
        return self.active and self.expires_at > now


@dataclass(slots=True)
class Vendor:
    """`rejects_all`: probes say no to everything, and the listing does not. New keys are rejected for `lag` and missing
    from listings for the capability's listing lag."""

    capabilities: Capabilities
    rejects_all: bool = False
    lag: timedelta = timedelta(seconds=2)
    keys: dict[str, VendorKey] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    proven: set[str] = field(default_factory=set)
    faults: defaultdict[str, deque[str]] = field(default_factory=lambda: defaultdict(deque))

    def create(self, name: str, lifetime: timedelta, now: datetime) -> tuple[str, SecretStr, datetime]:
        """Handle, value, expiry (in whole days, as some vendors do)."""
        assert name not in self.created, f"{name} was sent twice"
        self.created.append(name)
        fault = self._next("create")
        if fault in ("throttled", "refused", "down"):
            raise ERRORS[fault]
        if fault == "lost before":
            raise ERRORS["lost"]
        handle = f"h{len(self.created)}"
        days = longest_life(lifetime) - timedelta(hours=1)
        made = VendorKey(name, f"sk-{len(self.created)}", now, now + days)
        self.keys[handle] = made
        if fault == "unreadable":
            raise Unreadable("no value", handle)
        if fault is not None:
            raise ERRORS[fault]
        return handle, SecretStr(made.value), made.expires_at

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
