"""A list of the API server, read object by object as it arrives: never is a whole page of other people's objects in
memory, only what is kept of each.
"""

import asyncio
import codecs
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import aiohttp

T = TypeVar("T")
Object = dict[str, Any]

FIRST, MOST = 20, 500
"""Objects of the first page, and of any."""
_GROWTH = 5
_WANTED, _LARGEST = 4 * 2**20, 16 * 2**20
"""Bytes that a page is to have; and bytes at which it is given up and asked for again, smaller."""
_SPACE = " \t\r\n"
_DECODER = json.JSONDecoder()


class PageTooLarge(Exception):
    """The page was given up. `Pace` knows how many objects to ask for instead."""


class Pace:
    """How many objects to ask for: as many as make a page of some megabytes, by those seen last. Whoever makes the
    objects decides how large they are, so it begins low."""

    def __init__(self) -> None:
        self.limit = FIRST

    def took(self, objects: int, size: int) -> None:
        """A page had so many objects, and bytes."""
        fit = _WANTED * objects // max(size, 1)
        self.limit = max(1, min(MOST, _GROWTH * self.limit, fit or 1))

    def gave_up(self, objects: int) -> None:
        """A page was too large after so many objects."""
        self.limit = max(1, min(objects, self.limit) // 2)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What was kept of the objects; the version of the whole list; and the token of the next page, "" at the end."""

    items: list[T]
    version: int
    token: str


async def read_page(content: aiohttp.StreamReader, keep: Callable[[Object], T | None], pace: Pace) -> Page[T]:
    """Reads a page; `keep` says what is kept of each object, None for nothing. Raises PageTooLarge, ValueError."""
    pieces, kept = Pieces(), list[T]()
    async for data in content.iter_any():
        kept += [value for item in pieces.feed(data) if (value := keep(item)) is not None]
        if pieces.size > _LARGEST and pace.limit > 1:
            pace.gave_up(pieces.count)
            raise PageTooLarge
        await asyncio.sleep(0)
    kept += [value for item in pieces.feed(b"", end=True) if (value := keep(item)) is not None]
    pace.took(pieces.count, pieces.size)
    metadata = pieces.metadata
    return Page(kept, int(metadata.get("resourceVersion") or 0), metadata.get("continue") or "")


class Pieces:
    """Parses `{"items": [...], "metadata": {...}, ...}`, whose parts come in any order. `size`: bytes so far; `count`:
    objects so far; `metadata`: of the list, complete at the end."""

    def __init__(self) -> None:
        self.size, self.count = 0, 0
        self.metadata: Mapping[str, Any] = {}
        self._text, self._at, self._retry_at = "", 0, 0
        self._decoded = codecs.getincrementaldecoder("utf-8")()
        self._inside, self._begun, self._ended = False, False, False

    def feed(self, data: bytes, *, end: bool = False) -> Iterator[Object]:
        """The objects that are complete with this. Raises ValueError at the `end` where the list is not complete, and
        where it is none."""
        self.size += len(data)
        self._text = self._text[self._at :] + self._decoded.decode(data, end)
        self._at = 0
        if end or len(self._text) >= self._retry_at:  # else a large object would be begun again with each piece of it
            self._retry_at = 0
            yield from self._objects()
        if end and not self._ended:
            raise ValueError("the list is not complete")

    def _objects(self) -> Iterator[Object]:
        try:
            while not self._ended:
                if self._inside:
                    yield from self._next_item()
                else:
                    self._next_part()
        except (json.JSONDecodeError, IndexError):  # more is to come
            self._retry_at = 2 * (len(self._text) - self._at)
        except RecursionError:
            raise ValueError("an object is nested too deeply") from None

    def _next_part(self) -> None:
        """Of the list: its begin or end, one of its members, or the begin of its items."""
        sign, at = self._sign(self._at)
        if sign == "}":
            self._ended, self._at = True, at
            return
        if sign != ("," if self._begun else "{"):
            raise ValueError("the answer is no list of objects")
        name, at = _DECODER.raw_decode(self._text, self._skip(at)) if self._peek(at) != "}" else ("", at)
        if not name:
            self._begun, self._at = True, at
            return
        at = self._skip(self._sign(at)[1])
        if name == "items" and self._text[at] == "[":
            self._inside, self._begun, self._at = True, True, at + 1
            return
        value, at = _DECODER.raw_decode(self._text, at)
        self._sign(at)  # a number may go on
        if name == "metadata" and isinstance(value, dict):
            self.metadata = value
        self._begun, self._at = True, at

    def _next_item(self) -> Iterator[Object]:
        sign, at = self._sign(self._at)
        if sign == "]":
            self._inside, self._at = False, at
            return
        begin = self._skip(at if sign == "," else at - 1)
        item, self._at = _DECODER.raw_decode(self._text, begin)
        if not isinstance(item, dict):
            raise ValueError("the list holds something that is no object")
        self.count += 1
        yield item

    def _skip(self, at: int) -> int:
        while self._text[at] in _SPACE:
            at += 1
        return at

    def _peek(self, at: int) -> str:
        return self._text[self._skip(at)]

    def _sign(self, at: int) -> tuple[str, int]:
        at = self._skip(at)
        return self._text[at], at + 1
