"""Tells and hears, once a second, beside the requests: none of them ever waits for the store."""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable

from keypool_client.policy.verdicts import LONGEST_SECONDS, Verdict
from keypool_client.sharing import entries
from keypool_client.sharing.outbox import Outbox
from keypool_client.sharing.port import KEPT_MS, Store, StoreLost, TooMuch

EVERY = 1.0
LONGEST_PAUSE = 15.0
"""Between two attempts to reach a store that is away."""
ROUND_SECONDS = 5.0
OVERLAP_MS = 2000
"""What was read last is read once more: entries that came in the meantime may bear an earlier time."""
AHEAD_SECONDS = 2.0
"""A replica's clock that takes over may be behind."""
log = logging.getLogger("keypool_client.relay")


class Sharing:
    """`follow` is its task; all else returns at once."""

    def __init__(
        self,
        store: Store,
        merge: Callable[[Verdict, float], bool],
        pools: Callable[[], Iterable[str]],
        clock: Callable[[], float],
        draw: Callable[[], float],
    ) -> None:
        """`merge` and `pools` are the policy's; `clock` tells monotonic seconds."""
        self._store, self._merge, self._pools, self._clock, self._draw = store, merge, pools, clock, draw
        self.outbox = Outbox()
        self.connected: bool | None = None
        """Whether the store answered last; None: it was not asked yet."""
        self.told = self.heard = self.refused = 0
        self.ignored: Counter[str] = Counter()
        """Entries that count for nothing, by reason."""
        self._failures, self._refusing = 0, False
        self._read_to: dict[str, int] = {}
        self._seen: dict[str, set[bytes]] = {}

    async def follow(self) -> None:
        """For ever, whatever becomes of the store."""
        try:
            while True:
                await self._try()
                await asyncio.sleep(self._pause())
        finally:
            await self._store.close()

    async def _try(self) -> None:
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._round()
        except (StoreLost, TimeoutError) as error:
            self._failures += 1
            await self._store.close()
            if self.connected is not False:
                log.warning("verdicts are not shared: %s; trying again", str(error) or "the store takes too long")
            self.connected = False
        else:
            self._failures = 0
            if not self.connected:
                log.info("verdicts are shared")
            self.connected = True

    def _pause(self) -> float:
        """Longer each time, and not all relays at once."""
        return min(EVERY * 2.0 ** min(self._failures, 10), LONGEST_PAUSE) * (1 + self._draw()) / 2

    async def _round(self) -> None:
        before = self._clock()
        now = await self._store.now()
        after = self._clock()
        names = list(self._pools())
        self._read_to = {name: self._read_to[name] for name in names if name in self._read_to}
        self._seen = {name: self._seen.get(name, set()) for name in names}
        for name in names:
            await self._read(name, now, before - now / 1000)
        await self._write(now / 1000 - after)

    async def _read(self, pool: str, now: int, moved: float) -> None:
        """`moved`: from the store's seconds to ours; taken before the answer came, so that nothing lasts longer."""
        since = min(self._read_to.get(pool, now - KEPT_MS), now) - OVERLAP_MS
        self._read_to[pool] = now
        try:
            found = await self._store.read(pool, since)
        except TooMuch:
            self.ignored["too_large"] += 1  # and is passed over: the next time only what came later is read
            raise
        except BaseException:
            self._read_to[pool] = since  # what nobody has read yet
            raise
        new = [entry for mark, entry in found if mark not in self._seen[pool]]
        self._seen[pool] = {mark for mark, _ in found}
        for entry in new:
            self._hear(pool, entry, now / 1000, moved)

    def _hear(self, pool: str, entry: bytes, now: float, moved: float) -> None:
        try:
            verdict = entries.parse(pool, entry)
        except entries.Malformed:
            self.ignored["malformed"] += 1
            return
        if verdict.until > now + LONGEST_SECONDS or verdict.since > now + AHEAD_SECONDS:
            self.ignored["too_far"] += 1
        elif verdict.until > now:
            known = self._merge(entries.moved(verdict, moved), self._clock())
            self.heard += known
            self.ignored["unknown"] += not known

    async def _write(self, moved: float) -> None:
        """`moved`: from our seconds to the store's; taken after the answer came, for the same reason."""
        waiting = [verdict for verdict in self.outbox.take() if verdict.until > self._clock()]
        if not waiting:
            return
        lost = waiting
        try:
            taken = await self._store.write([(each.pool, entries.dump(each, moved)) for each in waiting])
            lost = [each for each, good in zip(waiting, taken, strict=True) if not good]
            self.told += len(waiting) - len(lost)
        finally:
            self.outbox.give_back(lost)
        self._note_refusals(len(lost))

    def _note_refusals(self, number: int) -> None:
        self.refused += number
        if number and not self._refusing:
            log.warning("the store refuses verdicts: it is full, a replica, or its user may not write; it is read")
        self._refusing = number > 0
