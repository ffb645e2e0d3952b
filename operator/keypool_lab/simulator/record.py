"""The record: every key there ever was and every call, in memory for questions and in SQLite for ever."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from keypool_lab.simulator.store import CALL_COLUMNS, Store


@dataclass(frozen=True, slots=True)
class Key:
    """One key. Times are seconds since the epoch; `deleted_by` is "api" or "outside"."""

    id: str
    name: str
    value: str = field(repr=False)
    created: float
    expires: float
    scopes: tuple[str, ...]
    rpm: int
    disabled: float | None = None
    deleted: float | None = None
    deleted_by: str | None = None

    def live(self, now: float) -> bool:
        """Whether a workload could use the key at `now`, lags and faults aside."""
        return self.deleted is None and self.disabled is None and now < self.expires


@dataclass(slots=True)
class Call:
    """One call: `status` is what the provider decided, None when a fault came first; `fault` is the one that met it.

    `kind` is create, list, validate, delete, use or other; `key_id` the key concerned; `client` the User-Agent.
    Noted before the answer leaves, so that whoever has an answer finds the call here.

    Of a use there is more: `dialect`, `path` with its query, `endpoint`, `model`, `request_id`; `attempt`, the number
    of earlier attempts that the SDK tells in `x-stainless-retry-count`; `credentials`, the names of the headers that
    carried one; `identity`, the idempotency key or else a digest of the request, and whether it is a `duplicate` of one
    that was carried out; `stream`, and its `events` that went out; `ended`: how the answer went out, `whole`, `gone`
    when the client was not there any more, None for under way or spoilt by a fault.
    """

    time: float
    kind: str
    key_id: str | None
    status: int | None
    fault: str | None
    client: str
    dialect: str = ""
    path: str = ""
    endpoint: str = ""
    model: str = ""
    request_id: str = ""
    attempt: str = ""
    credentials: str = ""
    identity: str = ""
    duplicate: bool = False
    stream: bool = False
    events: int = 0
    ended: str | None = None

    @property
    def served(self) -> bool:
        """Whether the whole answer went out as it should."""
        return self.status == 200 and self.fault is None and self.ended == "whole"


class Record:
    """Answers from memory; a key's changes are on disk before `put` returns, calls within 0.2 s."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._store = Store(path)
        self._clock = clock
        self._keys: dict[str, Key] = {}
        self._ids: dict[str, str] = {}
        self._calls: list[Call] = []
        self._carried_out: set[str] = set()
        self._changing = asyncio.Lock()

    async def open(self) -> None:
        """Reads what an earlier run left in the file."""
        await self._store.open()
        for id_, name, value, created, expires, scopes, *rest in await self._store.rows("keys"):
            self._remember(Key(id_, name, value, created, expires, tuple(scopes.split()), *rest))
        for row in await self._store.rows("calls"):
            call = Call(*row)
            call.duplicate, call.stream = bool(call.duplicate), bool(call.stream)
            self._calls.append(call)
            self._note_identity(call)

    async def close(self) -> None:
        """Writes what is pending and closes the file."""
        await self._store.close()

    async def put(self, key: Key) -> None:
        """Adds or replaces a key: on disk first, then visible."""
        row = (key.id, key.name, key.value, key.created, key.expires, " ".join(key.scopes), key.rpm)
        await self._store.write("keys", (*row, key.disabled, key.deleted, key.deleted_by))
        self._remember(key)

    async def change(self, key_id: str, edit: Callable[[Key], Key]) -> Key | None:
        """Changes a key that is not deleted; None when there is no such key."""
        async with self._changing:
            key = self.find(key_id)
            if key is not None:
                key = edit(key)
                await self.put(key)
            return key

    def add_call(self, call: Call) -> Callable[[], None]:
        """Notes a call; what is returned is called when the call's end is known."""
        call.duplicate = call.identity in self._carried_out
        self._note_identity(call)
        self._calls.append(call)
        number = len(self._calls)

        def keep() -> None:
            self._store.queue("calls", (number, *(getattr(call, name) for name in CALL_COLUMNS)))

        keep()
        return keep

    def _note_identity(self, call: Call) -> None:
        if call.identity and call.status == 200:
            self._carried_out.add(call.identity)

    async def setting(self, name: str) -> str | None:
        """A setting that an earlier run kept."""
        return next((value for key, value in await self._store.rows("settings") if key == name), None)

    async def set(self, name: str, value: str) -> None:
        """Keeps a setting for later runs."""
        await self._store.write("settings", (name, value))

    def _remember(self, key: Key) -> None:
        self._keys[key.id] = key
        self._ids[key.value] = key.id

    def keys(self) -> tuple[Key, ...]:
        """Every key ever, oldest first."""
        return tuple(self._keys.values())

    def live_keys(self, now: float | None = None) -> tuple[Key, ...]:
        """The keys that a workload could use at `now` (the present when omitted)."""
        at = self._clock() if now is None else now
        return tuple(key for key in self._keys.values() if key.live(at))

    def find(self, key_id: str) -> Key | None:
        """A key that is not deleted, by its id."""
        key = self._keys.get(key_id)
        return None if key is None or key.deleted is not None else key

    def newest(self) -> Key | None:
        """The youngest key that is not deleted."""
        return next((key for key in reversed(self._keys.values()) if key.deleted is None), None)

    def by_value(self, value: str) -> Key | None:
        """A key that is not deleted, by its value."""
        return self.find(self._ids.get(value, ""))

    def calls(self, kind: str | None = None, since: float = 0.0) -> tuple[Call, ...]:
        """The calls of one kind (all when None) from `since` on, in the order in which they were decided."""
        return tuple(call for call in self._calls if call.time >= since and kind in {None, call.kind})

    def uses(self, key_id: str | None = None) -> tuple[Call, ...]:
        """The calls that workloads made with one key, with all when None."""
        return tuple(call for call in self._calls if call.kind == "use" and key_id in {None, call.key_id})

    def mutations(self) -> Counter[str]:
        """How many keys were created, and deleted by whom: counts what happened, answered or not."""
        ended = (f"deleted by {key.deleted_by}" for key in self._keys.values() if key.deleted is not None)
        return Counter({"created": len(self._keys)}) + Counter(ended)
