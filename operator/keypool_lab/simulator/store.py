"""The record's SQLite file. One thread owns the connection, so that the event loop never waits for the disk."""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

MEMORY = ":memory:"
FLUSH_SECONDS = 0.1
"""How long a queued row may wait in memory."""

_SCHEMA = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = NORMAL;
CREATE TABLE IF NOT EXISTS keys (id TEXT PRIMARY KEY, name TEXT, value TEXT, created REAL, expires REAL, scopes TEXT,
    rpm INTEGER, disabled REAL, deleted REAL, deleted_by TEXT);
CREATE TABLE IF NOT EXISTS calls (time REAL, kind TEXT, key_id TEXT, status INTEGER, fault TEXT, client TEXT);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT);
"""
# What came later; an old file gets it when it is opened.
_LATER = {
    **dict.fromkeys(
        ("dialect", "path", "endpoint", "model", "request_id", "attempt", "credentials", "identity"), "TEXT DEFAULT ''"
    ),
    **dict.fromkeys(("duplicate", "stream", "events"), "INTEGER DEFAULT 0"),
    "ended": "TEXT",
}
CALL_COLUMNS: tuple[str, ...] = ("time", "kind", "key_id", "status", "fault", "client", *_LATER)
_INSERT = {
    "keys": "INSERT INTO keys VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT (id) DO UPDATE SET "
    "disabled = excluded.disabled, deleted = excluded.deleted, deleted_by = excluded.deleted_by",
    "calls": "INSERT OR REPLACE INTO calls (rowid, {}) VALUES ({})".format(  # noqa: S608 (our own names)
        ", ".join(CALL_COLUMNS), ",".join("?" * (1 + len(CALL_COLUMNS)))
    ),
    "settings": "INSERT OR REPLACE INTO settings VALUES (?,?)",
}
_COLUMNS = {"keys": "*", "calls": ", ".join(CALL_COLUMNS), "settings": "*"}
_SELECT = {table: f"SELECT {columns} FROM {table} ORDER BY rowid" for table, columns in _COLUMNS.items()}  # noqa: S608

Row = tuple[Any, ...]
Result = TypeVar("Result")


class Store:
    """Three tables. `write` returns when the row survives a SIGKILL; `queue` writes within `FLUSH_SECONDS`."""

    def __init__(self, path: Path | None) -> None:
        self._path = str(path) if path else MEMORY
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="simulator-record")
        self._queued: list[tuple[str, Row]] = []
        self._flusher: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Opens or creates the file."""
        await self._run(self._connect)
        self._flusher = asyncio.create_task(self._flush_for_ever())

    async def write(self, table: str, row: Row) -> None:
        """Commits one row."""
        await self._run(self._insert, [(table, row)])

    def queue(self, table: str, row: Row) -> None:
        """Commits one row soon; without a file nobody would read it."""
        if self._path != MEMORY:
            self._queued.append((table, row))

    async def rows(self, table: str) -> list[Row]:
        """All committed rows of a table, oldest first."""
        return await self._run(self._select, table)

    async def close(self) -> None:
        """Commits what is queued and closes the file."""
        if self._flusher:
            self._flusher.cancel()
            with suppress(asyncio.CancelledError):
                await self._flusher
            await self._flush()
            await self._run(self._connection.close)
        self._thread.shutdown(wait=False)

    def _connect(self) -> None:
        self._connection = sqlite3.connect(self._path, check_same_thread=False)
        self._connection.executescript(_SCHEMA)
        known = {row[1] for row in self._connection.execute("PRAGMA table_info(calls)")}
        for name in _LATER.keys() - known:
            self._connection.execute(f"ALTER TABLE calls ADD COLUMN {name} {_LATER[name]}")

    def _select(self, table: str) -> list[Row]:
        return self._connection.execute(_SELECT[table]).fetchall()

    def _insert(self, rows: list[tuple[str, Row]]) -> None:
        with self._connection:
            for table, row in rows:
                self._connection.execute(_INSERT[table], row)

    async def _flush(self) -> None:
        rows, self._queued = self._queued, []
        if rows:
            await self._run(self._insert, rows)

    async def _flush_for_ever(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            await asyncio.shield(self._flush())

    async def _run(self, function: Callable[..., Result], *arguments: object) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)
