"""Our Lease: one replica acts, the others wait."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.election import Record, Sighting, Timing, may_take, released, renewed, sight, steady, taken
from keypool.cluster.errors import AlreadyExists, Conflict, KubeError, NotFound, Unavailable
from keypool.core.leadership import LeadershipLost

__all__ = ["Leadership", "LeadershipLost"]

T = TypeVar("T")
Object = dict[str, Any]

LOOKS = 10
"""Times that `enough` looks."""

_log = logging.getLogger(__name__)


class Leadership:
    """The elector of one process. `identity` must be unique to the process, not only to the pod.

    Give it a KubeClient of its own: its renewals must not wait behind other requests.
    """

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        name: str,
        identity: str,
        *,
        timing: Timing | None = None,
        clock: Callable[[], float] = steady,
    ) -> None:
        self.identity = identity
        self.timing = timing or Timing()
        self._client, self._namespace, self._name = client, namespace, name
        self._path = paths.lease(namespace, name)
        self._clock = clock
        self._lease: Object | None = None
        self._seen: Sighting | None = None
        self._answered: float | None = None
        self._tried: float | None = None
        self._renewed: float | None = None
        self._transitions: int | None = None
        self._epoch = ""

    @property
    def is_leader(self) -> bool:
        """Whether we lead and the time of our last renewal has not run out."""
        return self.remaining() > 0

    @property
    def epoch(self) -> str:
        """A string that no other leadership ever has, ours or anybody's; empty before the first one."""
        return self._epoch

    @property
    def holder(self) -> str:
        """Who led when the Lease was seen last; empty for nobody."""
        return self._seen.record.holder if self._seen is not None else ""

    def remaining(self) -> float:
        """Seconds for which we certainly lead; 0 when we do not."""
        return 0.0 if self._renewed is None else max(0.0, self._renewed + self.timing.renew_deadline - self._clock())

    def must_lead(self) -> float:
        """The same, for a write that is about to be sent. Raises LeadershipLost where nothing may be written."""
        if (seconds := self.remaining()) <= 0:
            raise LeadershipLost("the Lease ran out")
        return seconds

    async def enough(self, seconds: float) -> bool:
        """Whether we lead for more than so many seconds. Where not, waits for the next renewal, but no longer than two
        of them should take."""
        for _ in range(LOOKS):
            if self.remaining() > seconds:
                return True
            await asyncio.sleep(2 * self.timing.retry / LOOKS)
        return self.remaining() > seconds

    def answer_age(self) -> float | None:
        """Seconds since the API server last answered about the Lease: what a standby's readiness means."""
        return None if self._answered is None else self._clock() - self._answered

    def attempt_age(self) -> float | None:
        """Seconds since the Lease was last asked for, answered or not; an attempt takes seconds at most."""
        return None if self._tried is None else self._clock() - self._tried

    async def acquire(self) -> None:
        """Wait until we lead. Whatever fails is tried again for ever."""
        waits = False
        while not await self._try_to_lead():
            if not waits and self.holder:
                waits = True
                _log.info("waiting for the Lease", extra={"holder": self.holder})
            await asyncio.sleep(self.timing.retry * random.uniform(0.9, 1.1))  # noqa: S311 - contenders spread out

    async def hold(self) -> None:
        """Renew until cancelled or released. Raises LeadershipLost."""
        while self._transitions is not None:
            await asyncio.sleep(min(self.timing.retry, self.remaining()))
            if self._transitions is None:
                return
            if not self.is_leader:
                self._lose("not renewed in time")
            await self._renew()

    async def verify_live(self) -> bool:
        """Read the Lease now: whether it says that this very leadership holds.

        Raises KubeError when it cannot be read.
        """
        lease = await self._timed(self._read)
        record = self._note(lease)
        ours = self.is_leader and (record.holder, record.transitions) == (self.identity, self._transitions)
        if not ours:
            self._renewed = None
        return ours

    async def release(self) -> None:
        """Stop leading and let the next contender in at once; when that fails the Lease runs out by itself."""
        leading, transitions = self.is_leader, self._transitions
        self._transitions, self._renewed = None, None
        if not leading:
            return
        try:
            try:
                given_up = self._lease is not None and await self._give_up(self._lease, transitions)
            except Conflict:  # the renewal that the order to stop cut off was done
                given_up = False
            if given_up or await self._give_up(await self._timed(self._read), transitions):
                _log.info("leadership released", extra={"epoch": self._epoch})
        except KubeError as error:
            _log.warning("leadership not released", extra={"error": str(error)})

    async def _read(self) -> Object:
        return await self._client.get(self._path)

    async def _give_up(self, lease: Object, transitions: int | None) -> bool:
        """False where it is another's by now."""
        record = Record.of(lease)
        if (record.holder, record.transitions) != (self.identity, transitions):
            return False
        await self._timed(lambda: self._client.replace(self._path, released(lease, datetime.now(UTC))))
        return True

    async def _try_to_lead(self) -> bool:
        self._tried = self._clock()
        try:
            if (lease := await self._timed(self._read_or_create)) is None:
                return False
            self._note(lease)
            if not self._may_take():
                return False
            written = await self._write(taken(lease, self.identity, self.timing, datetime.now(UTC)))
        except (Conflict, AlreadyExists):
            return False
        except KubeError as error:
            _log.warning("the Lease is out of reach", extra={"error": str(error)})
            return False
        self._transitions = written.transitions
        self._epoch = f"{self.identity}/{written.transitions}"
        _log.info("leading", extra={"epoch": self._epoch})
        return True

    def _may_take(self) -> bool:
        return self._seen is None or may_take(self._seen, self.identity, self.timing, self._clock())

    async def _read_or_create(self) -> Object | None:
        """None: the Lease was deleted under a holder who may not know it yet."""
        try:
            return await self._client.get(self._path)
        except NotFound:
            self._answered = self._clock()
            if not self._may_take():
                return None
        empty: Object = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"namespace": self._namespace, "name": self._name},
            "spec": {},
        }
        return await self._client.create(paths.leases(self._namespace), empty)

    async def _renew(self) -> None:
        """One attempt. A failure is no loss while time remains: the next attempt reads first."""
        try:
            if self._lease is None:
                self._lease = await self._timed(self._read)
                self._note(self._lease)
            if (record := Record.of(self._lease)).holder != self.identity or record.transitions != self._transitions:
                self._lose(f"the Lease is held by {record.holder or 'nobody'}")
            await self._write(renewed(self._lease, self.timing, datetime.now(UTC)))
        except NotFound:
            self._lose("the Lease was deleted")
        except Conflict:
            self._lease = None
        except KubeError as error:
            self._lease = None
            _log.warning("leadership not renewed", extra={"error": str(error), "remaining": self.remaining()})

    async def _write(self, lease: Object) -> Record:
        started = self._clock()
        self._lease = await self._timed(lambda: self._client.replace(self._path, lease))
        self._renewed = started
        return self._note(self._lease)

    async def _timed(self, call: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.timing.request):
                return await call()
        except TimeoutError:
            raise Unavailable(f"lease {self._path}", 0, "timeout", maybe_done=True) from None

    def _note(self, lease: Object) -> Record:
        self._answered = self._clock()
        record = Record.of(lease)
        self._seen = sight(self._seen, record, self._answered)
        return record

    def _lose(self, why: str) -> None:
        self._transitions, self._renewed = None, None
        _log.error("leadership lost", extra={"why": why, "epoch": self._epoch})
        raise LeadershipLost(why)
