"""The ledgers: one Secret per pool in the operator's own namespace, written by the leader alone.

Memory is the truth while we lead: all ledgers are loaded once by LIST, replaced whole with their resourceVersion, and
written back when somebody else changed or deleted them.
"""

import asyncio
import base64
import contextlib
import hashlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, Conflict, NotFound
from keypool.cluster.lease import LeadershipLost
from keypool.cluster.ledger_listener import Listener
from keypool.cluster.owed import Owed
from keypool.core.ledger import Ledger, LedgerUnreadable, dump, load
from keypool.core.seal import with_seal

LABEL = "keypool.dev/ledger"
NO_BACKUP = "velero.io/exclude-from-backup"
POOL = "keypool.dev/pool"
_OURS = {LABEL, NO_BACKUP, POOL}
ENTRY = "ledger.json"
NAME = "keypool-ledger-{uid}"

_log = logging.getLogger(__name__)


class LedgerHandle:
    """One pool's ledger in memory and its Secret. `ledger` is ahead of the Secret only while a write is under way or
    failed; `flush` writes what is not durable yet."""

    def __init__(self, book: "LedgerBook", ledger: Ledger, live: dict[str, Any] | None) -> None:
        self.ledger = ledger
        self._book = book
        self._durable = ledger
        self._version: str | None = None
        self._digest = ""
        self._others: dict[str, dict[str, str]] = {}
        self._lock = asyncio.Lock()
        self._attempted: str | None = None
        if live is not None:
            self._note(live)

    @property
    def exists(self) -> bool:
        """Whether it was ever written."""
        return self._version is not None

    @property
    def durable(self) -> Ledger:
        """The ledger as the Secret has it."""
        return self._durable

    @property
    def version(self) -> str | None:
        """The resourceVersion as last seen; None before the first write."""
        return self._version

    @property
    def annotations(self) -> dict[str, str]:
        """Other people's on the Secret as last seen: they ask for things there when the pool is gone."""
        return self._others.get("annotations", {})

    async def store(self, ledger: Ledger) -> None:
        """Makes this ledger durable, also when it says nothing: from then on it exists."""
        self.ledger = ledger
        async with self._lock:
            await self._write()

    async def verify(self) -> bool:
        """Reads the Secret live; True when somebody had changed or deleted it, and it was written back. Raises
        KubeError, LeadershipLost."""
        async with self._lock:
            if self._version is None:
                return False
            try:
                live = await self._book.client.get(self._book.path(self.ledger.pool_uid))
            except NotFound:
                live = None
            if live is not None and self._is_untouched(live):
                self._note(live)
                return False
            await self._still_leading()
            await self._write_back(live)
            self._book.listener.tampered(self._durable)
            return True

    async def _write_back(self, live: dict[str, Any] | None) -> None:
        book, text = self._book, dump(self._durable)
        if live is None:
            self._note(await book.client.create(paths.secrets(book.namespace), book.body(self._durable, text, None)))
            return
        self._note_others(live)
        body = book.body(self._durable, text, live["metadata"]["resourceVersion"], self._others)
        self._note(await book.client.replace(book.path(self._durable.pool_uid), body))

    def _is_untouched(self, live: dict[str, Any]) -> bool:
        """It says what is durable, or what our own last write said whose answer was lost; labels of ours stand."""
        content = (live.get("data") or {}).get(ENTRY)
        labelled = (live["metadata"].get("labels") or {}).get(LABEL) == "true"
        return labelled and (_digest(content) == self._digest or content == self._attempted)

    def _note(self, live: dict[str, Any]) -> None:
        self._version = live["metadata"]["resourceVersion"]
        self._digest = _digest((live.get("data") or {}).get(ENTRY))
        self._note_others(live)

    def _note_others(self, live: dict[str, Any]) -> None:
        """Labels and annotations of other people, which our writes keep; mostly there are none."""
        parts = {part: live["metadata"].get(part) or {} for part in ("labels", "annotations")}
        others = {part: {key: texts[key] for key in texts.keys() - _OURS} for part, texts in parts.items()}
        self._others = {part: texts for part, texts in others.items() if texts}

    async def update(self, change: Callable[[Ledger], Ledger]) -> None:
        """Changes the ledger and returns when the change is durable. Changes that arrive during a write share the
        next one. Raises KubeError; then memory keeps the change and `flush` tries again."""
        self.ledger = change(self.ledger)
        await self.flush()

    async def flush(self) -> None:
        """Makes memory durable; does nothing when it is."""
        wanted = self.ledger
        if wanted == self._durable:
            return
        async with self._lock:
            await asyncio.sleep(0)  # answers that came in the same instant share the write
            if self.ledger != self._durable:
                await self._write()

    async def _write(self) -> None:
        carried = self.ledger
        revision = max(self._durable.revision, carried.revision) + 1
        snapshot = carried.model_copy(update={"revision": revision, "steps": (), "shown": ()})
        text = dump(snapshot)
        body = self._book.body(snapshot, text, self._version, self._others)
        stored = await self._put(body, snapshot)
        before, self._durable, self._attempted = self._durable, snapshot, None
        self._note(stored)
        self._book.count(before, snapshot)
        news = {"steps": self.ledger.steps[len(carried.steps) :], "shown": self.ledger.shown[len(carried.shown) :]}
        self.ledger = self.ledger.model_copy(update={"revision": snapshot.revision, **news})
        self._book.listener.durable(carried, before)

    async def _put(self, body: dict[str, Any], snapshot: Ledger) -> dict[str, Any]:
        client, path = self._book.client, self._book.path(snapshot.pool_uid)
        last, self._attempted = self._attempted, body["data"][ENTRY]
        try:
            if self._version is None:
                return await client.create(paths.secrets(self._book.namespace), body)
            return await client.replace(path, body)
        except (Conflict, AlreadyExists):
            return await self._put_over(path, body, snapshot, last)
        except NotFound:
            await self._still_leading()
            body["metadata"].pop("resourceVersion", None)
            stored = await client.create(paths.secrets(self._book.namespace), body)
            self._book.listener.tampered(snapshot)
            return stored

    async def _put_over(self, path: str, body: dict[str, Any], snapshot: Ledger, last: str | None) -> dict[str, Any]:
        """Somebody wrote in between. When that was our own lost answer, nothing is wrong."""
        live = await self._book.client.get(path)
        content = (live.get("data") or {}).get(ENTRY)
        tampered = content not in (last, body["data"][ENTRY]) and _digest(content) != self._digest
        if tampered:
            if self._version is None:  # somebody restored it while we thought that there was none
                await self._book.look_again(snapshot.pool_uid)
                raise Conflict(f"create {path}", 409, "AlreadyExists")
            await self._still_leading()
        self._note_others(live)
        body = self._book.body(snapshot, dump(snapshot), live["metadata"]["resourceVersion"], self._others)
        stored = await self._book.client.replace(path, body)
        if tampered:
            self._book.listener.tampered(snapshot)
        return stored

    async def _still_leading(self) -> None:
        if not await self._book.leads():
            raise LeadershipLost("the ledger changed and the Lease is not ours any more")

    async def drop(self) -> None:
        """Deletes the Secret; the handle must not be used afterwards."""
        async with self._lock:  # a check must not take it for tampering
            if self._version is not None:
                with contextlib.suppress(NotFound):
                    await self._book.client.delete(self._book.path(self.ledger.pool_uid))
                self._version = None
        self._book.forget(self.ledger.pool_uid)


def _digest(content: str | None) -> str:
    """Names a stored ledger without keeping it in memory twice."""
    return hashlib.sha256((content or "").encode()).hexdigest()


class LedgerBook:
    """All ledgers. `leads` reads the Lease live and tells whether it is ours; `seal`: of a pool, by its UID."""

    def __init__(
        self,
        client: KubeClient,
        namespace: str,
        leads: Callable[[], Awaitable[bool]],
        listener: Listener,
        seal: Callable[[str], str],
    ) -> None:
        self.client, self.namespace, self.leads = client, namespace, leads
        self.listener, self._seal = listener, seal
        self._handles, self._holders = dict[str, LedgerHandle](), Counter[str]()
        self.owed, self.unreadable = Owed(), dict[str, str]()

    async def load(self) -> None:
        """Reads all ledgers; call it once, on taking the lead. What cannot be read is in `unreadable`, by pool UID."""
        async for obj in self.client.list(paths.secrets(self.namespace), f"{LABEL}=true"):
            self._take(obj)

    async def look_again(self, uid: str) -> None:
        """Reads live a ledger that was missing or unreadable: a person may have restored it, or given it up."""
        try:
            self._take(await self.client.get(self.path(uid)))
        except NotFound:
            self.unreadable.pop(uid, None)

    def _take(self, obj: dict[str, Any]) -> None:
        uid = obj["metadata"]["name"].removeprefix(NAME.format(uid=""))
        try:
            ledger = load(base64.b64decode((obj.get("data") or {}).get(ENTRY) or "").decode())
            if ledger.pool_uid != uid:
                raise LedgerUnreadable("it is another pool's")
        except (LedgerUnreadable, ValueError) as error:
            reason = str(error) if isinstance(error, LedgerUnreadable) else "it is not text"
            self.unreadable[uid] = reason
            _log.error("ledger of pool %s cannot be read: %s", uid, reason)
            return
        self.unreadable.pop(uid, None)
        self.forget(uid)
        ledger = with_seal(ledger, self._seal(uid))
        self._handles[uid] = LedgerHandle(self, ledger, obj)
        self.count(None, ledger)

    def get(self, uid: str) -> LedgerHandle | None:
        """The ledger of a pool, None when it has none."""
        return self._handles.get(uid)

    def open(self, uid: str, namespace: str, pool: str) -> LedgerHandle:
        """The ledger of a pool; a new one exists in memory alone until its first update."""
        if uid not in self._handles:
            empty = Ledger(pool_uid=uid, namespace=namespace, pool=pool, seals=(self._seal(uid),))
            self._handles[uid] = LedgerHandle(self, empty, None)
        return self._handles[uid]

    def forget(self, uid: str) -> None:
        """Drops a ledger from memory."""
        handle = self._handles.pop(uid, None)
        if handle is not None:
            self.count(handle.durable, None)

    def count(self, before: Ledger | None, after: Ledger | None) -> None:
        """Notes which upstream handles a ledger knew and knows, and which keys it owes."""
        self.owed.change(before, after)
        self._holders.subtract(key.handle for key in (before.keys if before else ()) if key.handle)
        self._holders.update(key.handle for key in (after.keys if after else ()) if key.handle)
        for key in before.keys if before else ():
            if key.handle and not self._holders[key.handle]:
                del self._holders[key.handle]

    def is_held(self, handle: str) -> bool:
        """Whether any ledger knows this upstream handle."""
        return handle in self._holders

    def all(self) -> tuple[LedgerHandle, ...]:
        """Every ledger in memory."""
        return tuple(self._handles.values())

    def path(self, uid: str) -> str:
        """Where a pool's ledger is stored."""
        return paths.secret(self.namespace, NAME.format(uid=uid))

    def body(
        self, ledger: Ledger, text: str, version: str | None, others: dict[str, dict[str, str]] | None = None
    ) -> dict[str, Any]:
        """The ledger's Secret, with the labels and annotations of `others`. It is kept out of backups."""
        kept = others or {}
        metadata: dict[str, Any] = {
            "name": NAME.format(uid=ledger.pool_uid),
            "namespace": self.namespace,
            "labels": {**kept.get("labels", {}), LABEL: "true", NO_BACKUP: "true"},
            "annotations": {**kept.get("annotations", {}), POOL: f"{ledger.namespace}/{ledger.pool}"},
        }
        if version is not None:
            metadata["resourceVersion"] = version
        data = {ENTRY: base64.b64encode(text.encode()).decode()}
        return {"apiVersion": "v1", "kind": "Secret", "type": "keypool.dev/ledger", "metadata": metadata, "data": data}
