"""Kopf's part: it lists and watches, and begins again where something fails.

Kopf's handlers for changes, timers, daemons, indices and finalizers are not used, nor is anything that writes to the
cluster. What it lists and watches is taken before it gets there, see `watch.taking`.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import kopf
from kopf._core.engines.peering import Identity
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from keypool.cluster import paths
from keypool.cluster.cache import OPTIONAL, Kind, ObjectCache, followed
from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection, NoCluster
from keypool.cluster.errors import KubeError, NotFound
from keypool.core.projection import LABEL_PUBLISHED
from keypool.serve.logs import describe
from keypool.tasks import end
from keypool.watch.liveness import STREAM_SECONDS, Liveness
from keypool.watch.middleware import Middleware
from keypool.watch.spawned import Spawned
from keypool.watch.taking import OnTouch, taking

PUBLISHED = f"{LABEL_PUBLISHED}=true"
_IDENTITY = Identity("keypool")
"""Without one, Kopf asks for the user's name, which a container's user may not have, and for the host's, by DNS."""
_SILENCE = STREAM_SECONDS + 10
_LOOK_FOR_KINDS, _LOOK_FOR_OPTIONAL = 2.0, 30.0
_MISSED = 10.0
"""Seconds within which Kopf asks for the first time for each kind that it found."""
_LOGIN_PAUSE = 5.0
_RESTART_PAUSE, _LONGEST_PAUSE = 3.0, 60.0
"""Seconds before Kopf begins again: doubled each time, until something is in sight."""

_log = logging.getLogger(__name__)


class _Backoffs:
    """Seconds between attempts of Kopf, without an end: Kopf ends the process when they run out."""

    def __iter__(self) -> Iterator[float]:
        yield from (1, 1, 2, 3, 5)
        while True:
            yield 10


class _NoDiffs(kopf.DiffBaseStorage):
    """For Kopf, which copies every object whole to compare it with its former self: only handlers of changes need that,
    and there are none."""

    def build(self, **_: object) -> kopf.BodyEssence:
        return {}

    def fetch(self, **_: object) -> kopf.BodyEssence | None:
        return None

    def store(self, **_: object) -> None:
        return None


class _NoMemories(ResourceMemories):
    """For Kopf, which remembers each object for handlers that we have none of: 2 KB each."""

    async def recall(self, raw_body: kopf.RawBody, **options: Any) -> ResourceMemory:  # noqa: ANN401
        return await super().recall(raw_body, **options | {"ephemeral": True})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watch:
    """What all runs of Kopf have in common; see `run_kopf`."""

    client: KubeClient
    cache: ObjectCache
    on_touch: OnTouch
    liveness: Liveness
    stop_flag: asyncio.Event
    namespaces: tuple[str, ...]
    after_start: Callable[[], None]
    sample: bool


async def run_kopf(
    client: KubeClient,
    cache: ObjectCache,
    on_touch: OnTouch,
    *,
    liveness: Liveness,
    stop_flag: asyncio.Event,
    namespaces: tuple[str, ...] = (),
    after_start: Callable[[], None] = lambda: None,
    sample: bool = False,
) -> None:
    """Feed the cache until `stop_flag` is set; `on_touch` is called for each object that brought news or went.

    Watches those of our kinds that are installed, which pools must be, and begins again when another comes or Kopf
    fails; returns when it is told to stop, by the flag or by a signal that Kopf caught. However it ends, no task of
    Kopf's is left. No namespaces: the whole cluster. `liveness` tells when everything was listed. Kopf takes over
    SIGINT and SIGTERM each time it starts; `after_start` is the place to take them back. A `sample` takes one object
    of each list.
    """
    watch = _Watch(
        client=client,
        cache=cache,
        on_touch=on_touch,
        liveness=liveness,
        stop_flag=stop_flag,
        namespaces=namespaces,
        after_start=after_start,
        sample=sample,
    )
    pause = _RESTART_PAUSE
    while not stop_flag.is_set():
        kinds = await _kinds_served(watch)
        if Kind.POOL not in kinds:
            await _pause(stop_flag, _LOOK_FOR_KINDS)
            continue
        try:
            if await _run_once(watch, kinds):
                continue
            return
        except Exception as error:  # noqa: BLE001 - whatever ended Kopf, the watches must go on
            liveness.trouble = describe(error)
            pause = _RESTART_PAUSE if liveness.blind_for() < STREAM_SECONDS else min(2 * pause, _LONGEST_PAUSE)
            _log.error("watching ended; beginning again", extra={"error": describe(error), "seconds": pause})
        await _pause(stop_flag, pause)


async def _run_once(watch: _Watch, kinds: tuple[Kind, ...]) -> bool:
    """Returns when told to stop; True when another kind was installed instead."""
    spawned, roots, sessions = Spawned(), set[asyncio.Task[Any]](), list[aiohttp.ClientSession]()
    watch.liveness.asked.clear()
    more = asyncio.create_task(_more_kinds(watch, kinds))
    try:
        with spawned.collecting():
            roots |= set(await _spawned(watch, kinds, sessions))
        watch.after_start()
        await asyncio.wait({*roots, more}, return_when=asyncio.FIRST_COMPLETED)
        another = more.done()
    finally:
        # Not kopf.run_tasks: it waits without end for a watcher that missed its cancellation, and when one fails,
        # leaves the others behind. `watching.streaming_block` suppresses a cancellation that comes while it ends its
        # helper; `api.stream` takes one for its stopper's when all tasks are cancelled at once, as asyncio.run does.
        try:
            await end(more)
        finally:
            await spawned.end()
            for session in sessions:  # Kopf closes its own only where it ends by itself
                await session.close()
    _raise_what_ended(roots)
    return another and not watch.stop_flag.is_set()


async def _spawned(
    watch: _Watch, kinds: tuple[Kind, ...], sessions: list[aiohttp.ClientSession]
) -> Collection[asyncio.Task[Any]]:
    """Kopf's first tasks; each session that it logs in with is added to `sessions`."""
    registry, connection = kopf.OperatorRegistry(), watch.client.connection
    between = Middleware(connection, watch.liveness, partial(taking, watch.cache, watch.on_touch), watch.sample)
    _register_login(registry, connection, between, sessions, watches=len(kinds) * max(1, len(watch.namespaces)))
    _register_events(registry, kinds)
    return await kopf.spawn_tasks(
        registry=registry,
        settings=_settings(),
        memories=_NoMemories(),
        identity=_IDENTITY,
        clusterwide=not watch.namespaces,
        namespaces=watch.namespaces,
        stop_flag=watch.stop_flag,
    )


def _raise_what_ended(roots: Collection[asyncio.Task[Any]]) -> None:
    errors = [root.exception() for root in roots if root.done() and not root.cancelled()]
    if error := next(filter(None, errors), None):
        raise error


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.process.ultimate_exiting_timeout = None
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = _NoDiffs()
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.queueing.idle_timeout = 0.5
    settings.watching.chunk_size = 500
    settings.watching.server_timeout = STREAM_SECONDS
    settings.watching.inactivity_timeout = _SILENCE
    settings.watching.label_selectors["", "v1", "secrets"] = PUBLISHED
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = _Backoffs()
    return settings


def _register_events(registry: kopf.OperatorRegistry, kinds: tuple[Kind, ...]) -> None:
    """Kopf watches the kinds that have a handler."""

    async def taken_already(**_: object) -> None:
        return None

    for kind in kinds:
        group_version = ("", "v1") if kind is Kind.SECRET else (paths.GROUP, paths.VERSION)
        kopf.on.event(*group_version, kind.value, registry=registry)(taken_already)


def _register_login(
    registry: kopf.OperatorRegistry,
    connection: Connection,
    middleware: aiohttp.ClientMiddlewareType,
    sessions: list[aiohttp.ClientSession],
    watches: int,
) -> None:
    logins = 0

    async def log_in(**_: object) -> kopf.AiohttpSession:
        """Called at the start, and again after a 401."""
        nonlocal logins
        logins += 1
        if logins > 1:
            await asyncio.sleep(_LOGIN_PAUSE)
            try:
                await connection.reload()
            except NoCluster as error:
                _log.warning("credentials could not be read again", extra={"error": describe(error)})
        session = connection.session(watches + 4, None, (middleware,))
        sessions.append(session)
        return kopf.AiohttpSession(aiohttp_session=session, server=connection.server)

    kopf.on.login(registry=registry)(log_in)


async def _kinds_served(watch: _Watch) -> tuple[Kind, ...]:
    """Those of our kinds that are installed; none where the API server does not tell."""
    wanted = followed(watch.namespaces)
    try:
        found = {resource["name"] for resource in (await watch.client.get(paths.group_version()))["resources"]}
    except NotFound:
        found = set()
    except KubeError as error:
        watch.liveness.trouble = describe(error)
        return ()
    kinds = tuple(kind for kind in wanted if kind is Kind.SECRET or kind.value in found)
    watch.liveness.set_absent(set(wanted) - set(kinds) - set(OPTIONAL))
    return kinds


async def _more_kinds(watch: _Watch, kinds: tuple[Kind, ...]) -> None:
    """Returns when one is installed that was not; or when Kopf, which looks for itself and once, has missed one."""
    wanted, until = set(followed(watch.namespaces)), asyncio.get_running_loop().time() + _MISSED
    while not (set(kinds) == wanted <= watch.liveness.asked):
        is_whole = asyncio.get_running_loop().time() > until and wanted - set(kinds) <= set(OPTIONAL)
        await asyncio.sleep(_LOOK_FOR_OPTIONAL if is_whole else _LOOK_FOR_KINDS)
        if set(kinds) < wanted and set(await _kinds_served(watch)) - set(kinds):
            return
        if not set(kinds) <= watch.liveness.asked and asyncio.get_running_loop().time() > until:
            return
    await asyncio.Event().wait()


async def _pause(stop_flag: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop_flag.wait()
