"""The HolySheep simulator, as the contract suite drives it."""

import secrets
from contextlib import AsyncExitStack
from typing import Self

from keypool_lab.simulator import Options, Simulator
from keypool_lab.simulator.record import Key
from tests.upstreams.server import Clock, fingerprint, now

A_MONTH = 30 * 24 * 3600.0


class HolySheep:
    """Serves until the block ends. `simulator` is what runs."""

    def __init__(self, options: Options | None = None, clock: Clock = now) -> None:
        self._clock = clock
        self.simulator = Simulator(options, lambda: clock().timestamp())
        self.admin_credential = ""

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:
            await started.enter_async_context(self.simulator)
            self.admin_credential = self.simulator.admin_key
            self._ending = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ending.aclose()

    @property
    def url(self) -> str:
        """The base URL, `/v1` included."""
        return self.simulator.url

    async def live_fingerprints(self) -> frozenset[str]:
        """Of the keys that are neither deleted, disabled nor expired."""
        return frozenset(fingerprint(key.value) for key in self.simulator.record.live_keys())

    async def make_foreign_key(self, name: str) -> str:
        """A key made in the console."""
        made, value = self._clock().timestamp(), f"sk-hs-{secrets.token_urlsafe(32)}"
        key = Key(f"foreign-{secrets.token_hex(4)}", name, value, made, made + A_MONTH, ("chat:write",), 3000)
        await self.simulator.record.put(key)
        return key.id

    async def end_key_outside(self, handle: str) -> None:
        """Deleted in the console. Raises KeyError where there is none."""
        if await self.simulator.change_key(handle, "delete") is None:
            raise KeyError(handle)

    async def expire_admin(self) -> None:
        """The admin key is refused from now on."""
        await self.simulator.set_admin_key(secrets.token_hex(16))

    async def restore_admin(self) -> None:
        """The same admin key is accepted again."""
        await self.simulator.set_admin_key(self.admin_credential)
