"""Listings that come in pages: complete, or an error."""

from dataclasses import replace
from typing import Generic, TypeVar

from pydantic import BaseModel, ValidationError

from keypool.providers.adapter import Handle, WireModel
from keypool.providers.answers import MOST
from keypool.providers.errors import Ambiguous, TooLarge
from keypool.providers.pages import Entries, Page
from keypool.providers.transport import Call, Transport
from keypool.providers.unfit import unfit

LISTING_SECONDS = 60.0
"""For all pages of a listing together."""

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Around = TypeVar("Around", bound=BaseModel)


class Data(WireModel, Generic[T]):
    """What many providers wrap their answers in."""

    data: T


class Entry(WireModel):
    """One of a listing."""

    id: Handle


class More(WireModel):
    """What a page says of those after it."""

    has_more: bool


class Tally:
    """Of the entries of one listing, over all its pages. `what` begins messages."""

    def __init__(self, what: str) -> None:
        self._what, self._count = what, 0

    def add(self, page: Page[T]) -> None:
        """Raises TooLarge."""
        self._count += page.count
        if self._count > MOST:
            raise TooLarge(
                f"{self._what}: the provider lists more than {MOST} entries, or the same ones again and again"
            )


def ids(entry: Entry) -> tuple[str, None]:
    """Nothing but its id is wanted."""
    return entry.id, None


async def page_of(transport: Transport, call: Call, entries: Entries[M, T]) -> Page[T]:
    """One page. Raises `Ambiguous` for a malformed one."""
    answer = await transport.call(replace(call, entries=entries))
    if answer.page is None:
        raise incomplete(call.what, answer.said)
    return answer.page


def around(what: str, page: Page[T], model: type[Around]) -> Around:
    """What the page says beside its entries. Raises `Ambiguous` where it does not."""
    try:
        return model.model_validate_json(page.around)
    except ValidationError as error:
        told = unfit(error)
    raise incomplete(what, told)


def incomplete(what: str, why: str) -> Ambiguous:
    """Nothing may be concluded from it. `why` has nothing of the answer itself."""
    return Ambiguous(f"{what}: the answer is not a complete listing: {why}")


async def by_offset(
    transport: Transport, call: Call, entries: Entries[M, T], tally: Tally | None = None
) -> dict[str, T]:
    """All entries, from pages of whatever size that begin at an `offset`; one that brings nothing new is the last.

    Each page begins with the last entry of the one before it. Where that is missing, something before it was deleted
    meanwhile, and what moved into its place would be skipped: `Ambiguous` is raised, as it is for pages of one entry
    alone, whose neighbours cannot be seen, for a malformed page, and for a listing without end. Also where all that
    follows on a page is nameless: what comes after that cannot be asked for.
    """
    found: dict[str, T] = {}
    end = 0
    tally = tally or Tally(call.what)
    while True:
        offset = len(found) - 1 if len(found) > 1 else len(found)
        page = _whole(call, await page_of(transport, _page(call, offset=str(offset)), entries))
        if not _follows(found, page.kept):
            raise Ambiguous(f"{call.what}: the listing changed while its pages were read, so it may lack some")
        if page.kept.keys() <= found.keys():
            if offset + page.count > end:
                raise incomplete(call.what, "entries without an id follow, and what comes after them is not seen")
            return found
        tally.add(page)
        found |= page.kept
        end = offset + page.count


def _follows(found: dict[str, T], entries: dict[str, T]) -> bool:
    """Whether nothing can stand between what was found and these: what begins anew shows nothing."""
    if len(found) < 2:
        return not (found and entries)
    first, last = next(iter(found)), next(reversed(found))
    is_overlap = last in entries and first not in entries
    return is_overlap and (not entries.keys() <= found.keys() or next(reversed(entries)) == last)


async def by_cursor(
    transport: Transport, call: Call, entries: Entries[M, T], tally: Tally | None = None
) -> dict[str, T]:
    """All entries, from pages that begin `after` the id of an entry. Raises `Ambiguous` for a malformed page, and where
    that entry is gone meanwhile."""
    found: dict[str, T] = {}
    tally = tally or Tally(call.what)
    while True:
        after = {"after": next(reversed(found))} if found else {}
        page = _whole(call, await page_of(transport, _page(call, **after), entries))
        more = around(call.what, page, More).has_more
        if more and page.kept.keys() <= found.keys():
            raise Ambiguous(f"{call.what}: the provider says that more follow, and shows none")
        tally.add(page)
        found |= page.kept
        if not more:
            return found


def _page(call: Call, **query: str) -> Call:
    gone = {400, 404} if "after" in query else set()
    return replace(call, query={**call.query, **query}, expect=call.expect | gone)


def _whole(call: Call, page: Page[T]) -> Page[T]:
    if page.repeats:
        raise incomplete(call.what, "an entry is there twice, so another one may be missing")
    return page
