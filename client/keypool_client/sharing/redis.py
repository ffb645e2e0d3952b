"""The store in Redis (6.0 or newer) or Valkey: a stream for each pool.

Entries are only ever added: two relays that write at once take nothing from each other.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from redis._parsers.resp2 import _AsyncRESP2Parser
from redis.asyncio import Redis
from redis.asyncio.connection import Connection, ConnectionPool, SSLConnection
from redis.exceptions import InvalidResponse

from keypool_client.sharing.address import Address
from keypool_client.sharing.entries import MOST_MS
from keypool_client.sharing.port import KEPT_MS, MOST_KEPT, MOST_READ, StoreLost, TooMuch

PREFIX = "keypool:verdicts:1:"
MOST_ANSWER = 512 * 1024
MOST_PASSWORD = 4096
CLOSING_SECONDS = 1.0
T = TypeVar("T")


class _Larger(InvalidResponse):
    """An answer is larger than any that is asked for."""


class BoundedParser(_AsyncRESP2Parser):
    """The library reads answers of any size; this one gives up before it holds too much."""

    _left = MOST_ANSWER

    async def read_response(self, disable_decoding: bool = False) -> Any:  # noqa: ANN401 as the library has it
        self._left = MOST_ANSWER
        return await super().read_response(disable_decoding)

    async def _read(self, length: int) -> bytes:
        self._spend(length)
        return await super()._read(length)

    async def _readline(self) -> bytes:
        line = await super()._readline()
        self._spend(len(line))
        return line

    def _spend(self, length: int) -> None:
        self._left -= length
        if length < 0 or self._left < 0:
            raise _Larger


class RedisStore:
    """One connection, made when it is needed. The password's file is read each time: it may change."""

    def __init__(self, address: Address, password_file: Path | None) -> None:
        self._address, self._password_file = address, password_file
        self._client: Redis | None = None

    async def now(self) -> int:
        """See Store."""
        seconds, micros = await self._asked((await self._connected()).time())
        now = int(seconds) * 1000 + int(micros) // 1000
        if not 0 <= now < MOST_MS:
            raise StoreLost(f"{self._address} tells a time that is none")
        return now

    async def read(self, pool: str, after: int) -> Sequence[tuple[bytes, bytes]]:
        """See Store."""
        client = await self._connected()
        told: Any = await self._asked(client.xrevrange(PREFIX + pool, "+", str(max(after, 0)), MOST_READ))
        found = told if isinstance(told, list) else []
        return [
            (mark, entry if isinstance(entry := fields.get(b"v"), bytes) else b"")
            for mark, fields in found[:MOST_READ]
            if isinstance(mark, bytes) and isinstance(fields, dict)
        ]

    async def write(self, entries: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        """See Store."""
        pipeline = (await self._connected()).pipeline(transaction=False)
        for pool, entry in entries:
            pipeline.xadd(PREFIX + pool, {"v": entry}, maxlen=MOST_KEPT)
        for pool in {pool for pool, _ in entries}:
            pipeline.pexpire(PREFIX + pool, KEPT_MS)
        answers = await self._asked(pipeline.execute(raise_on_error=False))
        return [not isinstance(answer, Exception) for answer in answers[: len(entries)]]

    async def close(self) -> None:
        """See Store."""
        client, self._client = self._client, None
        if client is not None:
            with suppress(StoreLost, TimeoutError):
                async with asyncio.timeout(CLOSING_SECONDS):
                    await self._asked(client.connection_pool.disconnect(inuse_connections=True))

    async def _connected(self) -> Redis:
        if self._client is None:
            password = await asyncio.to_thread(self._password)
            told = self._address
            pool: Any = ConnectionPool(
                SSLConnection if told.tls else Connection,
                max_connections=1,
                host=told.host,
                port=told.port,
                db=told.database,
                username=told.user,
                password=password,
                protocol=2,
                parser_class=BoundedParser,
                driver_info=None,
                socket_timeout=None,
                socket_connect_timeout=None,
            )
            self._client = Redis(connection_pool=pool)
        return self._client

    def _password(self) -> str | None:
        if self._password_file is None:
            return None
        try:
            with self._password_file.open("rb") as file:
                raw = file.read(MOST_PASSWORD + 1)
            text = raw.decode().removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError):
            raise StoreLost("the file of KEYPOOL_RELAY_SHARE_PASSWORD_FILE cannot be read") from None
        if not text or len(raw) > MOST_PASSWORD:
            raise StoreLost(f"the file of KEYPOOL_RELAY_SHARE_PASSWORD_FILE must have 1 to {MOST_PASSWORD} bytes")
        return text

    async def _asked(self, answer: Awaitable[T]) -> T:
        """What the store says. A strange answer makes the library raise anything; its text may quote it."""
        try:
            return await answer
        except _Larger:
            raise TooMuch(f"{self._address} answers more than {MOST_ANSWER} bytes at once") from None
        except Exception as error:  # noqa: BLE001 see above
            raise StoreLost(f"{self._address} cannot be used ({type(error).__name__})") from None
