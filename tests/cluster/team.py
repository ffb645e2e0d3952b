"""What a team does in its namespace: applies pools, looks at them, reads Secrets and uses the keys in them."""

import asyncio
import base64
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp

from keypool.cluster import paths
from keypool.cluster.client import KubeClient, Read
from keypool.cluster.errors import NotFound
from keypool.core.grace import GRACE
from keypool_lab.controlplane import Cluster
from tests.cluster.objects import (
    ADMIN_ENTRY,
    ADMIN_SECRET,
    PROVIDER,
    Object,
    admin_secret,
    allowing,
    pool_manifest,
    provider_manifest,
    secret_manifest,
    steady,
    to,
)
from tests.cluster.running import Clock
from tests.waiting import eventually, within

__all__ = [
    "ADMIN_ENTRY",
    "ADMIN_SECRET",
    "PROVIDER",
    "Object",
    "Person",
    "Team",
    "admin_secret",
    "allowing",
    "condition_in",
    "pool_manifest",
    "provider_manifest",
    "secret_manifest",
    "steady",
    "to",
]


def condition_in(pool: Object, kind: str) -> Object:
    """A condition of a pool, {} when it is absent."""
    found = (pool.get("status") or {}).get("conditions") or ()
    return next((dict(condition) for condition in found if condition["type"] == kind), {})


class Person(KubeClient):
    """A client of somebody who is not the operator, as managedFields tell."""

    async def _once(
        self,
        verb: str,
        path: str,
        query: Mapping[str, str],
        payload: bytes | None,
        content_type: str,
        *,
        accept: str,
        read: Read | None,
        most: int,
    ) -> Object:
        named = {**query, "fieldManager": "a-person"} if "fieldManager" in query else query
        return await super()._once(verb, path, named, payload, content_type, accept=accept, read=read, most=most)


class Team:
    """Works as the administrator in one namespace. Everything that waits has a deadline."""

    def __init__(self, cluster: Cluster, client: KubeClient, namespace: str) -> None:
        self.cluster, self.client, self.namespace = cluster, client, namespace
        self._pokes = itertools.count()

    async def kubectl(self, *args: str, stdin: str | None = None) -> str:
        """Standard output of kubectl in the namespace. Raises KubectlError."""
        return (await self.cluster.kubectl("--namespace", self.namespace, *args, stdin=stdin)).checked()

    async def apply(self, *manifests: Object, server_side: bool = False) -> str:
        """`kubectl apply`; its output."""
        text = "\n---\n".join(json.dumps(manifest) for manifest in manifests)
        return await self.kubectl("apply", *(["--server-side"] if server_side else []), "-f", "-", stdin=text)

    async def pool(self, name: str = "chat") -> Object:
        """The pool as it is now. Raises NotFound."""
        return await self.client.get(paths.pool(self.namespace, name))

    async def status(self, name: str = "chat") -> Object:
        """The pool's status, {} before there is one."""
        return dict((await self.pool(name)).get("status") or {})

    async def condition(self, name: str, kind: str) -> Object:
        """One condition, {} when it is absent."""
        return condition_in(await self.pool(name), kind)

    async def keys(self, name: str = "chat", *states: str) -> list[Object]:
        """The keys in the pool's status that are in one of these states (any when none is given)."""
        keys = (await self.status(name)).get("keys") or []
        return [key for key in keys if not states or key["state"] in states]

    async def patch(self, name: str, **spec: Any) -> Object:
        """Merges into the pool's spec."""
        return await self.client.patch(paths.pool(self.namespace, name), {"spec": spec})

    async def annotate(self, name: str, **annotations: str | None) -> Object:
        """Sets annotations below keypool.dev/ on a pool."""
        texts = {f"keypool.dev/{key}": text for key, text in annotations.items()}
        return await self.client.patch(paths.pool(self.namespace, name), {"metadata": {"annotations": texts}})

    async def poke(self, name: str = "chat") -> None:
        """Has the operator look at a pool now, for instance because its clock was moved."""
        mark = {"metadata": {"annotations": {"test/poke": str(next(self._pokes))}}}
        await self.client.patch(paths.pool(self.namespace, name), mark)

    async def outlasts_its_grace(self, clock: Clock) -> None:
        """Has the operator look at all pools and providers of the namespace when what they lack is late."""
        clock.advance(GRACE)
        for collection in (paths.providers(self.namespace), paths.pools(self.namespace)):
            async for obj in self.client.list(collection):
                mark = {"metadata": {"annotations": {"test/poke": str(next(self._pokes))}}}
                await self.client.patch(f"{collection}/{obj['metadata']['name']}", mark)

    async def considered(self, name: str = "chat") -> Object:
        """The pool, when the operator has looked at it after now and has done what it then wanted to do.

        A change that rotates nothing is awaited in the status, twice: no pass begins before the last one has ended.
        """
        for _ in range(2):
            threshold = 5 + next(self._pokes) % 10
            await self.patch(name, health={"failureThreshold": threshold})
            await self.until(name, lambda pool: _effective(pool).get("failureThreshold") == threshold)  # noqa: B023
        return await self.pool(name)

    async def until(self, name: str, holds: Callable[[Object], object], deadline: float = 15, what: str = "") -> Object:
        """The pool as soon as it fulfils a condition."""
        pool: Object = {}

        async def fulfilled() -> bool:
            nonlocal pool
            pool = await self.pool(name)
            return bool(holds(pool))

        try:
            await eventually(fulfilled, deadline, what)
        except AssertionError as error:
            raise AssertionError(f"{error}; status: {json.dumps(pool.get('status'))}") from None
        return pool

    async def ready(self, name: str = "chat", deadline: float = 15) -> Object:
        """The pool as soon as it is Ready for its current generation."""

        def is_ready(pool: Object) -> bool:
            ready = condition_in(pool, "Ready")
            return ready.get("status") == "True" and ready["observedGeneration"] == pool["metadata"]["generation"]

        return await self.until(name, is_ready, deadline, f"{name} is Ready")

    async def has(
        self, name: str, kind: str, status: str, reason: str | None = None, deadline: float = 15, *, saying: str = ""
    ) -> Object:
        """The condition, as soon as it has this status and reason, and its message says this."""

        def holds(pool: Object) -> bool:
            found = condition_in(pool, kind)
            told = saying in found.get("message", "")
            return told and found.get("status") == status and reason in {None, found.get("reason")}

        return condition_in(await self.until(name, holds, deadline, f"{name}: {kind}={status} {reason or ''}"), kind)

    async def secret(self, name: str = "chat") -> Object | None:
        """A Secret of the namespace, None when there is none."""
        try:
            return await self.client.get(paths.secret(self.namespace, name))
        except NotFound:
            return None

    async def secret_data(self, name: str = "chat") -> dict[str, str]:
        """A Secret's entries as text, {} when there is no Secret."""
        secret = await self.secret(name)
        data = (secret or {}).get("data") or {}
        return {key: base64.b64decode(text).decode() for key, text in data.items()}

    async def value(self, name: str = "chat") -> str | None:
        """The published primary key."""
        return (await self.secret_data(name)).get("apiKey")

    async def pool_values(self, name: str = "chat") -> list[str]:
        """All published keys, by slot; only for pools of more than one key."""
        content = (await self.secret_data(f"{name}-pool")).get("keys.json")
        return [key["apiKey"] for key in json.loads(content)["keys"]] if content else []

    async def relay_values(self, name: str = "chat") -> list[str]:
        """All keys that relays are told, by slot."""
        content = (await self.secret_data(f"{name}-relay")).get("keys.json")
        return [key["value"] for key in json.loads(content)["keys"]] if content else []

    async def values(self, name: str = "chat") -> set[str]:
        """All published keys."""
        primary = await self.value(name)
        return {*await self.pool_values(name), *([primary] if primary else [])}

    async def changes(self, before: str | None, name: str = "chat", deadline: float = 15) -> str:
        """The primary key, as soon as it is another one."""

        async def other() -> str | None:
            now = await self.value(name)
            return now if now and now != before else None

        return await eventually(other, deadline, f"the primary of {name} changes") or ""

    async def events(self, name: str = "chat") -> list[Object]:
        """The Events about a pool or provider of this name."""
        found = self.client.list(paths.events(self.namespace))
        return [event async for event in found if event.get("regarding", {}).get("name") == name]

    async def told(self, reason: str, name: str = "chat") -> Object:
        """The first Event with this reason."""

        async def posted() -> Object | None:
            return next((event for event in await self.events(name) if event["reason"] == reason), None)

        return await eventually(posted, 10, f"Event {reason}") or {}

    async def delete(self, name: str = "chat") -> None:
        """Asks for the pool's deletion; does not wait."""
        await self.client.delete(paths.pool(self.namespace, name))

    async def gone(self, name: str = "chat", deadline: float = 15) -> None:
        """Waits until the pool does not exist."""

        async def absent() -> bool:
            try:
                await self.pool(name)
            except NotFound:
                return True
            return False

        await eventually(absent, deadline, f"{name} is gone")

    async def abandon(self) -> None:
        """Takes the finalizers off all pools, so that nothing keeps the namespace from going."""
        async for pool in self.client.list(paths.pools(self.namespace)):
            with contextlib.suppress(NotFound):
                path = paths.pool(self.namespace, pool["metadata"]["name"])
                await self.client.patch(path, {"metadata": {"finalizers": None}})

    async def _has_newest(self, versions: list[Object], path: str) -> bool:
        """Whether a watch, which may lag behind, has told of an object as it is now."""
        try:
            newest = int((await self.client.get(path))["metadata"]["resourceVersion"])
        except NotFound:
            return True
        return any(int(version["metadata"]["resourceVersion"]) >= newest for version in versions[-3:])

    @contextlib.asynccontextmanager
    async def history(self, path: str, name: str) -> AsyncIterator[list[Object]]:
        """Every version of one object that a watch tells of, from now on, in a list that grows."""
        connection, versions = self.client.connection, list[Object]()
        seen = asyncio.Event()

        async def follow() -> None:
            headers = {"Authorization": await connection.authorization() or ""}
            query = {"watch": "1", "fieldSelector": f"metadata.name={name}"}
            url = connection.server + path
            async with connection.session(1, None) as session, session.get(url, params=query, headers=headers) as lines:
                seen.set()
                async for line in _lines(lines.content):
                    versions.append(json.loads(line)["object"])

        task = asyncio.create_task(follow())
        try:
            await within(seen.wait(), 40)
            yield versions
            await eventually(lambda: self._has_newest(versions, f"{path}/{name}"), 15, f"the watch tells all of {name}")
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def _effective(pool: Object) -> Object:
    return (pool.get("status") or {}).get("effective") or {}


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in stream.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line
