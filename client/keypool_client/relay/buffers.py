"""The memory that all requests share for what they hold back."""

from types import TracebackType
from typing import Self

TOTAL = 64 * 1024 * 1024


class Buffers:
    """How many bytes are free."""

    def __init__(self, total: int = TOTAL) -> None:
        self.total = self.free = total

    def lease(self) -> "Lease":
        """What one request takes; it gives all of it back at its end."""
        return Lease(self)


class Lease:
    """`with buffers.lease() as lease`: what was taken is given back at the end of the block, whatever happens there."""

    __slots__ = ("_buffers", "_taken")

    def __init__(self, buffers: Buffers) -> None:
        self._buffers, self._taken = buffers, 0

    def take(self, count: int) -> bool:
        """Takes so many bytes more; False, and nothing is taken, where they are not free."""
        if count > self._buffers.free:
            return False
        self._buffers.free -= count
        self._taken += count
        return True

    def give(self, count: int) -> None:
        """Gives some back before the end."""
        self._buffers.free += count
        self._taken -= count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.give(self._taken)
