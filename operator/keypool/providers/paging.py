"""Listings that come in pages: complete, or an error."""

from dataclasses import replace
from typing import Generic, TypeVar

from keypool.providers.adapter import Handle, WireModel, read
from keypool.providers.errors import Ambiguous
from keypool.providers.transport import MIB, Call, Transport

LISTING_SECONDS = 60.0
"""For all pages of a listing together."""
MOST = 100_000
"""Entries of a listing: one that goes on without end fills no memory."""

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


async def by_offset(transport: Transport, call: Call, model: type[Data[tuple[Listed, ...]]]) -> tuple[Listed, ...]:
    """All entries, from pages of whatever size that begin at an `offset`; one that brings nothing new is the last.

    Each page begins with the last entry of the one before it. Where that is missing, something before it was deleted
    meanwhile, and what moved into its place would be skipped: `Ambiguous` is raised, as it is for pages of one entry
    alone, whose neighbours cannot be seen, for a malformed page, and for a listing without end.
    """
    found: dict[str, Listed] = {}
    while True:
        offset = len(found) - 1 if len(found) > 1 else len(found)
        page = read(model, await transport.call(_page(call, offset=str(offset))))
        entries = _by_id(call, page.data if page else None)
        if not _follows(found, entries):
            raise Ambiguous(f"{call.what}: the listing changed while its pages were read, so it may lack some")
        if entries.keys() <= found.keys():
            return tuple(found.values())
        found = _together(call, found, entries)


def _follows(found: dict[str, Listed], entries: dict[str, Listed]) -> bool:
    """Whether nothing can stand between what was found and these: what begins anew shows nothing."""
    if len(found) < 2:
        return not (found and entries)
    first, last = next(iter(found)), next(reversed(found))
    is_overlap = last in entries and first not in entries
    return is_overlap and (not entries.keys() <= found.keys() or next(reversed(entries)) == last)


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
        found = _together(call, found, entries)
        if not more:
            return tuple(found.values())


def _page(call: Call, **query: str) -> Call:
    gone = {400, 404} if "after" in query else set()
    return replace(call, query={**call.query, **query}, limit=16 * MIB, expect=call.expect | gone)


def _together(call: Call, found: dict[str, Listed], entries: dict[str, Listed]) -> dict[str, Listed]:
    if len(found) + len(entries) > MOST:
        raise Ambiguous(f"{call.what}: the provider lists more than {MOST} entries, or the same ones again and again")
    return found | entries


def _by_id(call: Call, entries: tuple[Listed, ...] | None) -> dict[str, Listed]:
    found = {entry.id: entry for entry in entries or ()}
    if entries is None or len(found) < len(entries):  # what stands there twice stands in the place of another
        raise Ambiguous(f"{call.what}: the answer is not a complete listing")
    return found
