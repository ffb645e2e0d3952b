"""What the handlers of one simulator share."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from keypool_lab.simulator.answers import same
from keypool_lab.simulator.dialects.operation import Trouble
from keypool_lab.simulator.door import Door
from keypool_lab.simulator.faults import Faults
from keypool_lab.simulator.limits import Limits
from keypool_lab.simulator.options import Options, Switches
from keypool_lab.simulator.record import Key, Record


@dataclass(slots=True)
class State:
    """One simulator's parts. `clock` tells seconds since the epoch. `others`: further accounts by their admin key.
    `doors`: further endpoints by their name."""

    options: Options
    clock: Callable[[], float]
    record: Record
    admin_key: str = field(default="", repr=False)
    faults: Faults = field(default_factory=Faults)
    switches: Switches = field(default_factory=Switches)
    limits: Limits = field(default_factory=Limits)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    others: dict[str, Record] = field(default_factory=dict, repr=False)
    doors: dict[str, Door] = field(default_factory=dict)

    def account_of(self, credential: str) -> Record | None:
        """The keys of the account that an admin key belongs to; None for no admin key. Other accounts live in memory.

        An account knows its own keys alone: it validates and deletes no other's.
        """
        accounts = {self.admin_key: self.record, **self.others}
        return next((record for admin_key, record in accounts.items() if same(credential, admin_key)), None)

    def by_value(self, value: str) -> Key | None:
        """A key of any account, for workloads."""
        found = (record.by_value(value) for record in (self.record, *self.others.values()))
        return next((key for key in found if key is not None), None)

    def problem(self, key: Key | None) -> Trouble | None:
        """Why the provider rejects this key now; None when it accepts it."""
        now = self.clock()
        if key is None or key.disabled is not None or self.switches.reject_all:
            return Trouble.INVALID_KEY
        if now >= key.expires:
            return Trouble.EXPIRED_KEY
        since = self.switches.reject_since
        too_new = now < key.created + self.switches.activation_lag or (since is not None and key.created >= since)
        return Trouble.INVALID_KEY if too_new else None


STATE = web.AppKey("state", State)
"""Where an application keeps its State."""

CONCERNS = web.RequestKey("concerns", str)
"""Where a request notes the id of the key that it concerns."""

ENDPOINT = web.AppKey("endpoint", str)
"""The name of the endpoint that an application serves."""
