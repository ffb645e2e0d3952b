"""Reading a listing's page while it arrives: of each entry what is wanted is kept, and the page itself never is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, FailFast, TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from keypool.providers.answers import MIB, MOST, Claim, weight
from keypool.providers.errors import TooLarge
from keypool.providers.scanner import NotAListing, OutOfBounds, Scanner
from keypool.providers.unfit import unfit

PAGE_BYTES = 64 * MIB
"""Of one page, as it arrives."""

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Entries(Generic[M, T]):
    """The entries of a page: `field` of the answer is an array of `model`, or the answer itself is, where it is "".
    `keep` tells an entry's id, and what is kept of it; `passed` the same of one that is no such `model`, None where the
    listing is none then: see `strangers`."""

    field: str
    model: type[M]
    keep: Callable[[M], tuple[str, T]]
    passed: Callable[[dict[str, Any]], tuple[str, T] | None] = lambda _: None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """What was kept, by id, of so many entries, of which so many are `nameless`: other people's without an id.
    `around`: what else the answer says, as JSON."""

    kept: dict[str, T]
    count: int
    around: bytes
    nameless: int = 0

    @property
    def repeats(self) -> bool:
        """Whether an entry is there twice: then it stands in the place of another."""
        return len(self.kept) < self.count - self.nameless


class PageReader(Generic[M, T]):
    """`feed` it pieces, then `close` it. Both raise NotAListing, TooLarge and PutOff; `what` begins messages."""

    def __init__(self, what: str, entries: Entries[M, T], claim: Claim) -> None:
        self._what, self._entries, self._claim = what, entries, claim
        self._scanner, self._models = Scanner(entries.field), _models(entries.model)
        self._kept: dict[str, T] = {}
        self._count = self._nameless = 0

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
            raise NotAListing("what stands around its entries is no JSON") from None
        return Page(self._kept, self._count, around, self._nameless)

    def _add(self, batch: bytes) -> None:
        array = b"[%s]" % batch
        try:
            kept = [self._entries.keep(model) for model in self._models.validate_json(array)]
        except ValidationError:
            kept = self._one_by_one(array)
        self._count += len(kept)
        if self._count > MOST:
            raise TooLarge(f"{self._what}: the provider lists more than {MOST} entries")
        self._nameless += sum(not id_ for id_, _ in kept)
        self._kept.update((id_, value) for id_, value in kept if id_)
        self._claim.hold(sum(weight(id_, getattr(value, "name", None)) for id_, value in kept), entries=len(kept))

    def _one_by_one(self, array: bytes) -> list[tuple[str, T]]:
        """Of a batch with an entry that cannot be read."""
        try:
            entries = from_json(array)
        except ValueError:
            raise NotAListing(f"{self._place(0)}, or an entry soon after it, is no JSON") from None
        return [self._entry(entry, self._place(index)) for index, entry in enumerate(entries)]

    def _entry(self, entry: object, place: str) -> tuple[str, T]:
        try:
            [model] = self._models.validate_json(to_json([entry]))
        except ValidationError as error:
            told = unfit(error, place, skip=1)
        else:
            return self._entries.keep(model)
        passed = self._entries.passed(entry) if isinstance(entry, dict) else None
        if passed is None:
            raise NotAListing(told)
        return passed

    def _place(self, index: int) -> str:
        return f"{self._entries.field}[{self._count + index}]"


@cache
def _models(model: type[M]) -> TypeAdapter[list[M]]:
    return TypeAdapter(Annotated[list[model], FailFast()])  # type: ignore[arg-type,valid-type]
