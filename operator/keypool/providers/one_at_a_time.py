"""One at a time, and owners in turns, however many of one owner wait."""

import asyncio
from collections import deque


class OneAtATime:
    """`take` it, or `take_now`, and `give_back`."""

    def __init__(self) -> None:
        self._taken = False
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}

    def take_now(self) -> bool:
        """Whether it is free, and so taken now."""
        if self._taken:
            return False
        self._taken = True
        return True

    async def take(self, owner: str) -> None:
        """Waits for the owner's turn."""
        if self.take_now():
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(owner, deque()).append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """It is the next owner's turn."""
        while self._waiting:
            owner = next(iter(self._waiting))
            queue = self._waiting.pop(owner)
            turn = queue.popleft()
            if queue:
                self._waiting[owner] = queue  # behind all others
            if not turn.done():
                turn.set_result(None)
                return
        self._taken = False
