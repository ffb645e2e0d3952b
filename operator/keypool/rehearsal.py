"""A standby proves that it could lead: it starts as a leader does, looks at everything once, and changes nothing."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable

from keypool.cluster import paths
from keypool.cluster.cache import ObjectCache
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden, NotFound
from keypool.cluster.installation import NAME
from keypool.cluster.ledgers import LABEL
from keypool.cluster.rights import missing_rights
from keypool.serve.logs import describe
from keypool.tasks import end
from keypool.watch.kopf_watch import run_kopf
from keypool.watch.liveness import Liveness

FIRST_PAUSE, LONGEST_PAUSE = 2.0, 30.0

_log = logging.getLogger(__name__)


class NotProven(Exception):
    """What is missing, for people."""


class Rehearsal:
    """`run` until `proven`; what was proven once stays so, whatever happens to the API server later. `namespace` is
    the operator's own, where the `lease` of this name is; `served` as in the settings."""

    def __init__(self, client: KubeClient, namespace: str, served: tuple[str, ...], lease: str) -> None:
        self._connection, self._on_request = client.connection, client.on_request
        self._namespace, self._served, self._lease = namespace, served, lease
        self._why = "it was not tried yet"
        self._liveness = Liveness(served)
        self._rights: list[str] = []
        self.proven = False

    def missing(self) -> list[str]:
        """What is not proven yet, one line each."""
        if self.proven:
            return []
        seen = self._liveness.complaints() if not self._why else []
        return [f"it is not proven that this replica could lead: {line}" for line in [self._why, *seen] if line]

    def notes(self) -> list[str]:
        """What would wait while all else goes on."""
        return [*self._liveness.notes(), *self._rights]

    async def run(self, after_kopf_start: Callable[[], None] = lambda: None) -> None:
        """Tries again, with growing pauses, until it is proven."""
        pause = FIRST_PAUSE
        while not self.proven:
            try:
                async with self._client() as client:
                    await self._try(client, after_kopf_start)
                self.proven = True
                _log.info("proven that this replica could lead")
            except Exception as error:  # noqa: BLE001 - whatever it is, a leader would meet it
                self._why = str(error) if isinstance(error, NotProven) else describe(error)
                _log.warning("not proven yet that this replica could lead", extra={"error": self._why})
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    @contextlib.asynccontextmanager
    async def _client(self) -> AsyncIterator[KubeClient]:
        """One of its own: that of a leader may write only while it leads."""
        client = KubeClient(self._connection, 4, self._on_request)
        try:
            yield client
        finally:
            await client.close()

    async def _try(self, client: KubeClient, after_kopf_start: Callable[[], None]) -> None:
        await self._read_own(client)
        own, per_place = await missing_rights(client, self._namespace, self._served, self._lease)
        if own or len(per_place) == max(1, len(self._served)):
            raise NotProven("; ".join([*own, *per_place.values()]))
        self._rights = list(per_place.values())
        self._why, self._liveness = "", Liveness(self._served)
        stop = asyncio.Event()
        watching = asyncio.create_task(
            run_kopf(
                client,
                ObjectCache(lambda _: ()),
                lambda *_: None,
                liveness=self._liveness,
                stop_flag=stop,
                namespaces=self._served,
                after_start=after_kopf_start,
                sample=True,
            )
        )
        try:
            await self._liveness.begin()
        finally:
            stop.set()
            await end(watching)

    async def _read_own(self, client: KubeClient) -> None:
        """What a leader reads first, in the operator's own namespace."""
        try:
            await client.first(paths.secrets(self._namespace), f"{LABEL}=true")
            with contextlib.suppress(NotFound):
                await client.get(paths.secret(self._namespace, NAME))
        except Forbidden:
            raise NotProven(f"it may not read the ledgers in namespace {self._namespace}") from None
