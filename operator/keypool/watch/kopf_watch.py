"""Kopf's part: it lists and watches, and tells the cache.

Kopf's handlers for changes, timers, daemons, indices and finalizers are not used, nor is anything that writes to the
cluster: only `on.event`, which does nothing but take note.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Coroutine, Iterator, Mapping
from functools import partial
from typing import Any

import aiohttp
import kopf
from kopf._core.engines.peering import Identity
from kopf._core.reactor.inventory import ResourceMemories, ResourceMemory

from keypool.cluster import paths
from keypool.cluster.cache import Kind, ObjectCache, watched
from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection, NoCluster
from keypool.cluster.errors import KubeError
from keypool.core.projection import LABEL_PUBLISHED
from keypool.serve.logs import describe
from keypool.watch.echoes import WithoutEchoes
from keypool.watch.liveness import STREAM_SECONDS, Liveness
from keypool.watch.spawned import Spawned

OnTouch = Callable[[Kind, Mapping[str, Any]], None]

PUBLISHED = f"{LABEL_PUBLISHED}=true"
_IDENTITY = Identity("keypool")
"""Without one, Kopf asks for the user's name, which a container's user may not have, and for the host's, by DNS."""
_SILENCE = STREAM_SECONDS + 10
_LOOK_FOR_KINDS = 2.0
_LOGIN_PAUSE = 5.0
_RESTART_PAUSE = 3.0

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


async def run_kopf(
    client: KubeClient,
    cache: ObjectCache,
    on_touch: OnTouch,
    *,
    liveness: Liveness,
    stop_flag: asyncio.Event,
    namespaces: tuple[str, ...] = (),
    after_start: Callable[[], None] = lambda: None,
) -> None:
    """Feed the cache until `stop_flag` is set; `on_touch` is called for each object that brought news or went.

    Waits for our kinds to be installed, and begins again when Kopf fails; returns when it is told to stop, by the flag
    or by a signal that Kopf caught. However it ends, no task of Kopf's is left. No namespaces: the whole cluster.
    `liveness.complete` tells when everything was listed. Kopf takes over SIGINT and SIGTERM each time it starts;
    `after_start` is the place to take them back.
    """
    while not stop_flag.is_set():
        if not await _kinds_are_served(client, namespaces):
            await _pause(stop_flag, _LOOK_FOR_KINDS)
            continue
        try:
            await _run_once(client, cache, on_touch, liveness, stop_flag, namespaces, after_start)
            return
        except Exception as error:  # noqa: BLE001 - whatever ended Kopf, the watches must go on
            _log.error("watching ended; beginning again", extra={"error": describe(error)})
        await _pause(stop_flag, _RESTART_PAUSE)


async def _run_once(  # noqa: PLR0917 - private, called once
    client: KubeClient,
    cache: ObjectCache,
    on_touch: OnTouch,
    liveness: Liveness,
    stop_flag: asyncio.Event,
    namespaces: tuple[str, ...],
    after_start: Callable[[], None],
) -> None:
    registry = kopf.OperatorRegistry()
    kinds = watched(namespaces)
    middleware = _middleware(client.connection, cache, liveness)
    _register_login(registry, client.connection, middleware, watches=len(kinds) * max(1, len(namespaces)))
    _register_events(registry, cache, on_touch, liveness, kinds)
    spawned = Spawned()
    try:
        with spawned.collecting():
            roots = await kopf.spawn_tasks(
                registry=registry,
                settings=_settings(),
                memories=_NoMemories(),
                identity=_IDENTITY,
                clusterwide=not namespaces,
                namespaces=namespaces,
                stop_flag=stop_flag,
            )
        after_start()
        await asyncio.wait(roots, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Not kopf.run_tasks: it waits without end for a watcher that missed its cancellation, and when one fails,
        # leaves the others behind. `watching.streaming_block` suppresses a cancellation that comes while it ends its
        # helper; `api.stream` takes one for its stopper's when all tasks are cancelled at once, as asyncio.run does.
        await spawned.end()
    _raise_what_ended(roots)


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


def _register_events(
    registry: kopf.OperatorRegistry,
    cache: ObjectCache,
    on_touch: OnTouch,
    liveness: Liveness,
    kinds: tuple[Kind, ...],
) -> None:
    def note(kind: Kind) -> Callable[..., Coroutine[None, None, None]]:
        async def handler(event: Mapping[str, Any], **_: object) -> None:
            obj = event["object"]
            if event["type"] is not None:
                liveness.mark(kind, obj["metadata"].get("namespace"))
            apply = cache.remove if event["type"] == "DELETED" else cache.upsert
            if apply(kind, obj):
                on_touch(kind, obj)

        return handler

    for kind in kinds:
        group_version = ("", "v1") if kind is Kind.SECRET else (paths.GROUP, paths.VERSION)
        kopf.on.event(*group_version, kind.value, registry=registry)(note(kind))


def _register_login(
    registry: kopf.OperatorRegistry, connection: Connection, middleware: aiohttp.ClientMiddlewareType, watches: int
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
        return kopf.AiohttpSession(aiohttp_session=session, server=connection.server)

    kopf.on.login(registry=registry)(log_in)


def _middleware(connection: Connection, cache: ObjectCache, liveness: Liveness) -> aiohttp.ClientMiddlewareType:
    """Adds our current token to each of Kopf's requests; notes each watch that is answered, and keeps from Kopf what
    the cache knows already."""

    async def send(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        if (authorization := await connection.authorization()) is not None:
            request.headers["Authorization"] = authorization
        request.server_hostname = connection.server_hostname
        response = await handler(request)
        kind, namespace = _what(request.url.path)
        if response.status == 200 and "watch" in request.url.query and kind is not None:
            liveness.mark(kind, namespace)
            response.content = WithoutEchoes(response.content, partial(cache.is_news, kind))  # type: ignore[assignment]
        return response

    return send


def _what(path: str) -> tuple[Kind | None, str | None]:
    """The kind and the namespace of a list's path; no kind where it is none of ours."""
    plural, parts = paths.resource_of(path), path.split("/")
    if plural not in set(Kind):
        return None, None
    return Kind(plural), parts[-2] if parts[-3] == "namespaces" else None


async def _kinds_are_served(client: KubeClient, namespaces: tuple[str, ...]) -> bool:
    try:
        served = {resource["name"] for resource in (await client.get(paths.group_version()))["resources"]}
    except KubeError as error:
        _log.warning("our custom resources are not served yet", extra={"error": describe(error)})
        return False
    return {kind.value for kind in watched(namespaces) if kind is not Kind.SECRET} <= served


async def _pause(stop_flag: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop_flag.wait(), seconds)
    except TimeoutError:
        return
