"""Reading a listing's page while it arrives: of each entry what is wanted is kept, and the page itself never is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Generic, TypeVar

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError
from pydantic_core import from_json

from keypool.providers.answers import MIB, MOST, Claim, weight
from keypool.providers.errors import TooLarge
from keypool.providers.scanner import NotAListing, OutOfBounds, Scanner

PAGE_BYTES = 64 * MIB
"""Of one page, as it arrives."""

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entries(Generic[M, T]):
    """The entries of a page: `field` of the answer is an array of `model`, or the answer itself is, where it is "".
    `keep` tells an entry's id, and what is kept of it."""

    field: str
    model: type[M]
    keep: Callable[[M], tuple[str, T]]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What was kept, by id, of so many entries; `around`: what else the answer says, as JSON."""

    kept: dict[str, T]
    count: int
    around: bytes

    @property
    def repeats(self) -> bool:
        """Whether an entry is there twice: then it stands in the place of another."""
        return len(self.kept) < self.count


class PageReader(Generic[M, T]):
    """`feed` it pieces, then `close` it. Both raise NotAListing, TooLarge and PutOff; `what` begins messages."""

    def __init__(self, what: str, entries: Entries[M, T], claim: Claim) -> None:
        self._what, self._entries, self._claim = what, entries, claim
        self._scanner, self._models = Scanner(entries.field), _models(entries.model)
        self._kept: dict[str, T] = {}
        self._count = 0

    def feed(self, piece: bytes) -> None:
        """The next piece."""
        self._claim.hold(read=len(piece))
        batch, beyond = b"", ""
        try:
            batch = self._scanner.feed(piece)
        except OutOfBounds as error:
            beyond = str(error)
        if beyond:
            raise TooLarge(f"{self._what}: the answer {beyond}")
        if batch:
            self._add(batch)

    def close(self) -> Page[T]:
        """The page."""
        self._scanner.close()
        around = bytes(self._scanner.around)
        try:
            from_json(around)
        except ValueError:
            raise NotAListing from None
        return Page(self._kept, self._count, around)

    def _add(self, batch: bytes) -> None:
        try:
            models = self._models.validate_json(b"[%s]" % batch)
        except ValidationError:
            raise NotAListing from None
        self._count += len(models)
        if self._count > MOST:
            raise TooLarge(f"{self._what}: the provider lists more than {MOST} entries")
        kept = [self._entries.keep(model) for model in models]
        self._kept.update(kept)
        self._claim.hold(sum(weight(id_, getattr(value, "name", None)) for id_, value in kept), entries=len(kept))


@cache
def _models(model: type[M]) -> TypeAdapter[list[M]]:
    return TypeAdapter(Annotated[list[model], FailFast()])  # type: ignore[arg-type,valid-type]
