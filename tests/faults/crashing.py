"""A composition of the operator for tests: it numbers its effects and kills itself at one of them.

Effects are what it changes in the cluster (ledgers, Secrets, finalizers, status) and every call to a provider. Not
numbered are the Lease, which goes on by itself, and Events: they are a courtesy that nothing waits for, and a task of
their own posts them, so a crash at one is a crash between two others.
"""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import iscoroutinefunction
from multiprocessing.connection import Connection as Channel
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

from keypool.app import Replica
from keypool.cluster.client import MERGE_PATCH, KubeClient, Object
from keypool.cluster.connection import Connection
from keypool.cluster.lease import LeadershipLost
from keypool.cluster.paths import resource_of
from keypool.providers.protocol import Provider
from keypool.providers.registry import build
from keypool.serve.audit import AuditLog
from keypool.serve.logs import configure
from keypool.settings import Settings

T = TypeVar("T")
Phase = Literal["before", "after"]

IDLE, LOOK = 0.3, 0.05
"""Seconds without an effect after which nothing more is to come; and between two looks."""


@dataclass(frozen=True, slots=True)
class Point:
    """Before, or after, the effect of this number, counted from 1."""

    number: int
    phase: Phase


@dataclass(frozen=True, slots=True)
class Count:
    """An order: number the effects from here on, and crash at the point (None: at none)."""

    at: Point | None


@dataclass(frozen=True, slots=True)
class Advance:
    """An order: the clock is this much further ahead of the real one."""

    ahead: timedelta


class Effects:
    """Numbers effects and tells their labels through `tell`; `die` ends the process without another word."""

    def __init__(self, tell: Callable[[object], None], die: Callable[[], None]) -> None:
        self._tell, self._die = tell, die
        self._counting, self._count, self._at = False, 0, cast("Point | None", None)
        self._running, self._latest = 0, 0.0

    def count(self, at: Point | None) -> None:
        """Begins anew, with the next effect as the first."""
        self._counting, self._count, self._at = True, 0, at

    @property
    def idle(self) -> bool:
        """Whether there was no effect for a while."""
        return not self._running and time.monotonic() - self._latest > IDLE

    async def around(self, label: str, call: Callable[[], Awaitable[T]]) -> T:
        """Makes one effect; "after" is when its answer is there, whatever it is."""
        self._running, self._latest = self._running + 1, time.monotonic()
        try:
            return await (self._numbered(label, call) if self._counting else call())
        finally:
            self._running, self._latest = self._running - 1, time.monotonic()

    async def _numbered(self, label: str, call: Callable[[], Awaitable[T]]) -> T:
        self._count += 1
        number = self._count
        self._tell(label)
        self._end_at(Point(number, "before"))
        try:
            return await call()
        finally:
            self._end_at(Point(number, "after"))

    def _end_at(self, point: Point) -> None:
        if self._at == point:
            self._die()


class CountedClient(KubeClient):
    """Its writes are effects. `system` is the operator's own namespace."""

    def __init__(self, connection: Connection, effects: Effects, system: str) -> None:
        super().__init__(connection)
        self._effects, self._system = effects, system

    async def create(self, path: str, body: Mapping[str, Any], dry_run: bool = False) -> Object:
        return await self._around("create", path, partial(super().create, path, body, dry_run))

    async def replace(self, path: str, body: Mapping[str, Any]) -> Object:
        return await self._around("update", path, partial(super().replace, path, body))

    async def patch(self, path: str, body: Mapping[str, Any], content_type: str = MERGE_PATCH) -> Object:
        return await self._around("patch", path, partial(super().patch, path, body, content_type))

    async def delete(self, path: str, uid: str | None = None, resource_version: str | None = None) -> None:
        await self._around("delete", path, partial(super().delete, path, uid, resource_version))

    async def _around(self, verb: str, path: str, call: Callable[[], Awaitable[T]]) -> T:
        resource = resource_of(path)
        if resource == "events":
            return await call()
        ours = resource == "secrets" and f"/namespaces/{self._system}/" in path
        return await self._effects.around(f"{verb} {'ledger' if ours else resource}", call)


class CountedProvider:
    """Every call of the provider that it stands for is an effect; closing it is none."""

    def __init__(self, provider: Provider, effects: Effects) -> None:
        self._provider, self._effects = provider, effects

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._provider, name)
        if name == "close" or not iscoroutinefunction(found):
            return found
        return lambda *args, **kwargs: self._effects.around(f"provider {name}", partial(found, *args, **kwargs))


def run(channel: Channel, settings: Mapping[str, Any], ahead: timedelta, log: Path) -> None:
    """One process of the operator, until it is killed; it ends with whoever holds the other end of the channel."""
    stream = log.open("a", encoding="utf-8")
    configure("DEBUG", stream)
    logging.raiseExceptions = False
    asyncio.run(_serve(channel, Settings(**settings), ahead, AuditLog(stream)))


async def _serve(channel: Channel, settings: Settings, ahead: timedelta, audit: AuditLog) -> None:
    effects, clock = Effects(channel.send, lambda: os.kill(os.getpid(), signal.SIGKILL)), [ahead]
    tasks = set[asyncio.Future[None]]()

    def obey() -> None:
        try:
            order = channel.recv()
        except EOFError:
            os._exit(0)
        tasks.add(asyncio.ensure_future(carry_out(order)))

    async def carry_out(order: Count | Advance) -> None:
        if isinstance(order, Advance):
            clock[0] = order.ahead
        else:
            while replica.not_ready() or not effects.idle:  # noqa: ASYNC110 - only a time tells that nothing follows
                await asyncio.sleep(LOOK)
            effects.count(order.at)
        channel.send(order)

    async def connect(kubeconfig: str | None) -> KubeClient:
        return CountedClient(await Connection.load(kubeconfig), effects, settings.namespace)

    def counted(*args: Any, **kwargs: Any) -> Provider:
        return cast("Provider", CountedProvider(build(*args, **kwargs), effects))

    replica = Replica(settings, audit, lambda: datetime.now(UTC) + clock[0], connect=connect, build=counted)
    asyncio.get_running_loop().add_reader(channel.fileno(), obey)
    try:
        await replica.run(asyncio.Event())
    except LeadershipLost:
        os._exit(1)
