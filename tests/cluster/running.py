"""The operator in the test's own process: started, stopped, killed and started again, on a clock that can be moved."""

import asyncio
import io
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from keypool.app import Build, Replica
from keypool.health import Patience
from keypool.providers.registry import build
from keypool.serve.audit import AuditLog
from keypool.settings import Settings
from tests.waiting import PATIENCE, eventually, within

STOP_SECONDS = 40.0


class Clock:
    """The time that the operator goes by: the real one, and what it was advanced by."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        """Now, as the operator believes."""
        return datetime.now(UTC) + self.ahead

    def advance(self, by: timedelta) -> None:
        """Moves it on. What sleeps in the queue does not notice: `Team.poke` the pool."""
        self.ahead += by


class Operator:
    """One replica with an identity in the Lease; `kubeconfig` holds exactly the rights of manifests/base.

    `served` "" is the whole cluster. It goes by `clock`; with `anchored`, by its own, and `clock` is the node's wall
    clock. `build` makes its adapters; endpoints that failed are tried again sooner than in production.
    """

    anchored = False
    build: Build = staticmethod(partial(build, cool_down=0.5))
    minute = 60.0
    """Seconds of a request budget's minute."""
    patience: Patience | None = None
    """With an API server that shows it nothing."""

    def __init__(self, kubeconfig: Path, system: str, served: str, clock: Clock, identity: str = "one") -> None:
        self.system, self.clock = system, clock
        self.settings = Settings(
            kubeconfig=kubeconfig,
            namespace=system,
            namespaces=served,
            identity=identity,
            http_port=0,
            allow_insecure_endpoints=True,
            allow_private_endpoints="127.0.0.0/8",
            lease_retry=0.3,
            grace=5,
        )
        self.audit = io.StringIO()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Starts a new replica and waits until it is ready."""
        self.launch()
        await eventually(self._is_ready, 20, "the operator is ready")

    def launch(self) -> None:
        """Starts a new replica."""
        self._log, self._stop = AuditLog(self.audit), asyncio.Event()
        now = None if self.anchored else self.clock
        options: dict[str, Any] = {"build": self.build, "minute": self.minute, "patience": self.patience}
        self.replica = Replica(self.settings, self._log, now, wall=self.clock, **options)
        self._task = asyncio.create_task(self.replica.run(self._stop))

    async def stop(self) -> None:
        """Tells it to stop, as SIGTERM does. Raises what ended it before, or TimeoutError after `STOP_SECONDS`."""
        self._stop.set()
        await self._ended()

    async def kill(self) -> None:
        """Ends it in the middle of whatever it does: nothing is finished and nothing more is written down."""
        assert self._task is not None
        self._task.cancel()
        await self._ended()

    async def restart(self) -> None:
        """Stops it and starts another one."""
        await self.stop()
        await self.start()

    @property
    def running(self) -> bool:
        """Whether it was started and has not been stopped."""
        return self._task is not None

    @property
    def leads(self) -> bool:
        """Whether it holds the Lease."""
        return self.replica.leadership is not None and self.replica.leadership.is_leader

    def audit_text(self) -> str:
        """The audit log of all replicas so far, once they have stopped."""
        return self.audit.getvalue()

    async def _is_ready(self) -> bool:
        assert self._task is not None
        if self._task.done():
            self._task.result()
        return not self.replica.not_ready()

    async def _ended(self) -> None:
        assert self._task is not None
        task, self._task = self._task, None
        try:
            await asyncio.wait([task], timeout=STOP_SECONDS * PATIENCE / 2)
            if not task.done():
                print(*map(repr, asyncio.all_tasks()), sep="\n")  # noqa: T201 - what it hangs on
            await within(task, STOP_SECONDS / 2)
        except asyncio.CancelledError:
            if not task.cancelled():
                raise
        finally:
            await asyncio.to_thread(self._log.close)
