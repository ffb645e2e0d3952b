"""Listings that come in pages: complete, or an error."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Generic, TypeVar

from keypool.providers.adapter import Handle, WireModel, read
from keypool.providers.errors import Ambiguous
from keypool.providers.transport import MIB, Call, Transport

LISTING_SECONDS = 60.0
"""For all pages of a listing together."""

T = TypeVar("T")


class Data(WireModel, Generic[T]):
    """What many providers wrap their answers in."""

    data: T


class Entry(WireModel):
    """One of a listing."""

    id: Handle


class CursorPage(WireModel, Generic[T]):
    """A page that says whether more follow."""

    data: T
    has_more: bool


Listed = TypeVar("Listed", bound=Entry)


async def by_offset(
    transport: Transport, call: Call, size: int, model: type[Data[tuple[Listed, ...]]]
) -> tuple[Listed, ...]:
    """All entries, from pages of `size` that begin at an `offset`; a page that is not full is the last.

    Each page begins with the last entry of the one before it. Where that is missing, something before it was deleted
    meanwhile, and what moved into its place would be skipped: `Ambiguous` is raised, as it is for a malformed page.
    """
    found: dict[str, Listed] = {}
    while True:
        page = read(model, await transport.call(_page(call, offset=str(max(len(found) - 1, 0)))))
        entries = _by_id(call, page.data if page else None)
        if found and (list(found)[-1] not in entries or (len(entries) >= size and entries.keys() <= found.keys())):
            raise Ambiguous(f"{call.what}: the listing changed while its pages were read, so it may lack some")
        found |= entries
        if len(entries) < size:
            return tuple(found.values())


async def by_cursor(
    transport: Transport, call: Call, model: type[CursorPage[tuple[Listed, ...]]]
) -> tuple[Listed, ...]:
    """All entries, from pages that begin `after` the id of an entry. Raises `Ambiguous` for a malformed page, and where
    that entry is gone meanwhile."""
    found: dict[str, Listed] = {}
    while True:
        after = {"after": list(found)[-1]} if found else {}
        page = read(model, await transport.call(_page(call, **after)))
        entries = _by_id(call, page.data if page else None)
        more = page is not None and page.has_more
        if more and entries.keys() <= found.keys():
            raise Ambiguous(f"{call.what}: the provider says that more follow, and shows none")
        found |= entries
        if not more:
            return tuple(found.values())


def _page(call: Call, **query: str) -> Call:
    gone = {400, 404} if "after" in query else set()
    return replace(call, query={**call.query, **query}, limit=16 * MIB, expect=call.expect | gone)


def _by_id(call: Call, entries: tuple[Listed, ...] | None) -> Mapping[str, Listed]:
    found = {entry.id: entry for entry in entries or ()}
    if entries is None or len(found) < len(entries):  # what stands there twice stands in the place of another
        raise Ambiguous(f"{call.what}: the answer is not a complete listing")
    return found
