"""The simulator itself: parts put together and served on loopback."""

import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from aiohttp import web

from keypool_lab.simulator.app import application
from keypool_lab.simulator.door import Door
from keypool_lab.simulator.faults import Faults
from keypool_lab.simulator.limits import Limits
from keypool_lab.simulator.options import Options, Switches
from keypool_lab.simulator.outside import KeyChange, change_key, set_admin_key
from keypool_lab.simulator.record import Key, Record
from keypool_lab.simulator.state import State


class Simulator:
    """`async with Simulator(options) as simulator:` serves until the block ends. `clock`: seconds since the epoch."""

    def __init__(self, options: Options | None = None, clock: Callable[[], float] = time.time) -> None:
        self._options = options or Options()
        self._clock = clock
        self._port = 0

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:
            await self._start(started)
            self._ending = started.pop_all()
        return self

    async def _start(self, started: AsyncExitStack) -> None:
        record = Record(self._options.state, self._clock)
        started.push_async_callback(record.close)
        await record.open()
        self._state = State(self._options, self._clock, record)
        kept = await record.setting("admin_key")
        await self.set_admin_key(self._options.admin_key or kept or f"admin-{secrets.token_urlsafe(24)}")
        runner = web.AppRunner(application(self._state), access_log=None, shutdown_timeout=1.0)
        started.push_async_callback(runner.cleanup)
        started.callback(self._state.closing.set)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self._options.port).start()
        self._port = runner.addresses[0][1]

    async def __aexit__(self, *_: object) -> None:
        await self._ending.aclose()

    @property
    def url(self) -> str:
        """The base URL of the API, `/v1` included."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def control_url(self) -> str:
        """Where another process switches faults and reads the record; see `control`."""
        return f"http://127.0.0.1:{self._port}/_lab"

    @property
    def admin_key(self) -> str:
        """The admin credential that is valid now."""
        return self._state.admin_key

    @property
    def record(self) -> Record:
        """What truly happened."""
        return self._state.record

    @property
    def faults(self) -> Faults:
        """Faults that meet single calls."""
        return self._state.faults

    @property
    def switches(self) -> Switches:
        """Lags, and the rejection of all keys at once."""
        return self._state.switches

    async def change_key(self, key_id: str, what: KeyChange) -> Key | None:
        """Disables, enables or deletes a key behind everybody's back; `key_id` may be "newest"."""
        return await change_key(self._state, key_id, what)

    async def set_admin_key(self, admin_key: str) -> None:
        """Replaces the admin key; the old one is refused from now on."""
        await set_admin_key(self._state, admin_key)

    @property
    def limits(self) -> Limits:
        """What keys and the account may still do, where it is not what the keys were made with."""
        return self._state.limits

    async def open_door(self, name: str | None = None) -> Door:
        """A further endpoint of the same account; it is closed with the simulator at the latest. The record and the
        control call it by its name, `1`, `2` … where none is given; the first endpoint is `0`."""
        name = name or str(len(self._state.doors) + 1)
        door = self._state.doors[name] = Door(partial(application, self._state, name), "/v1")
        self._ending.push_async_callback(door.close)
        await door.open()
        return door

    async def open_account(self, admin_key: str) -> Record:
        """Another account with an admin key and keys of its own, in memory alone; returns its record. Calls are noted
        in the first account's record."""
        record = Record(None, self._clock)
        self._ending.push_async_callback(record.close)
        await record.open()
        self._state.others[admin_key] = record
        return record

    def accept_also(self, admin_key: str) -> None:
        """A second admin key of the first account."""
        self._state.others[admin_key] = self.record
