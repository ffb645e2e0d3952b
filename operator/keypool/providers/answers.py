"""How much of the operator's memory the answers of providers may take, all together, while they are read and kept.

Small answers share one budget. When it is full, the owner (a namespace) that holds most gives way: what is merely kept
is dropped, a listing under way is put off. Of large listings one is read at a time, and owners take turns.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from sys import getsizeof
from weakref import finalize

from keypool.providers.errors import PutOff, TooLarge
from keypool.providers.one_at_a_time import OneAtATime
from keypool.providers.protocol import ListedKey

MIB = 1024 * 1024
SHARED = 24 * MIB
"""Bytes of all small answers together."""
LARGE = 64 * MIB
"""Bytes of a large listing, and of all of them that are kept."""
SMALL, SMALL_BYTES, SMALL_READ = 5000, 4 * MIB, 8 * MIB
"""Entries, bytes kept and bytes read of a listing that is not large."""
MOST = 100_000
"""Entries of a listing: one that goes on without end fills no memory."""
MOST_READ = 256 * MIB
"""Bytes of a listing as the provider sends it."""
PATIENCE = 60.0
"""Seconds that a large listing waits for its turn."""
EACH = 200
"""Bytes of an entry beside its texts: the object, its times and fingerprint, its places in a dict and a tuple."""


def weight(*texts: str | None) -> int:
    """Bytes that an entry with these texts takes."""
    return EACH + sum(getsizeof(text) for text in texts if text is not None)


class Claim:
    """What one answer, or one listing of several, takes of the budget. `evict` makes room, where that can be done."""

    def __init__(self, answers: "Answers", uid: str, what: str) -> None:
        self._answers, self._uid, self._what = answers, uid, what
        self.owner = answers.owner_of(uid)
        self._size = self._entries = self._read = 0
        self._is_large = self.is_kept = False
        self._has_turn = False
        self.evict: Callable[[], object] | None = None

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return self._size

    @size.setter
    def size(self, size: int) -> None:
        self._answers.count(self, size - self._size)
        self._size = size

    @property
    def is_large(self) -> bool:
        """Whether it is one of those that are read one at a time."""
        return self._is_large

    @is_large.setter
    def is_large(self, large: bool) -> None:
        self._answers.count(self, -self._size)
        self._is_large = large
        self._answers.count(self, self._size)

    def hold(self, size: int = 0, *, entries: int = 0, read: int = 0) -> None:
        """Takes so much more. Raises TooLarge, and PutOff where others have to be waited for."""
        self.size, self._entries, self._read = self.size + size, self._entries + entries, self._read + read
        if self.size > LARGE:
            raise TooLarge(f"{self._what}: the listing takes more than {LARGE // MIB} MiB of memory")
        if self._read > MOST_READ:
            raise TooLarge(f"{self._what}: the listing is larger than {MOST_READ // MIB} MiB")
        if not self.is_large and self._is_beyond_small():
            self._answers.large.add(self._uid)
            if not self._answers.turns.take_now():
                raise self.put_off("other large listings are being read")
            self.is_large = self._has_turn = True
        self._answers.make_room(self)

    def _is_beyond_small(self) -> bool:
        return self._entries > SMALL or self.size > SMALL_BYTES or self._read > SMALL_READ

    async def turn(self) -> None:
        """Waits for the turn of a large listing. Raises PutOff."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._answers.turns.take(self.owner)
        except TimeoutError:
            raise self.put_off("other large listings are being read") from None
        self.is_large = self._has_turn = True

    def end_turn(self) -> None:
        """The next large listing may be read."""
        if self._has_turn:
            self._has_turn = False
            self._answers.turns.give_back()

    def keep(self, listing: object, keys: Collection[ListedKey]) -> None:
        """From now on it counts what these keys take, until the listing is gone. Raises TooLarge and PutOff."""
        if len(keys) > MOST:
            raise TooLarge(f"{self._what}: the provider lists more than {MOST} entries")
        self.size = 0
        self.hold(sum(weight(key.handle, key.name, key.fingerprint) for key in keys))
        if not self._is_beyond_small():
            self._answers.large.discard(self._uid)
        self.is_kept, self.evict = True, None
        finalize(listing, self.release).atexit = False

    def release(self) -> None:
        """Nothing is taken any more."""
        self._answers.drop(self)

    def put_off(self, why: str) -> PutOff:
        """It cannot be read now."""
        return PutOff(f"{self._what}: put off, because {why}; it is asked again soon")


CLAIM: ContextVar[Claim | None] = ContextVar("CLAIM", default=None)
"""Of the listing that the running task reads."""


class Answers:
    """The budget of one process. `owner_of` tells whose a provider object is."""

    def __init__(self, owner_of: Callable[[str], str] = str, shared: int = SHARED) -> None:
        self.owner_of, self._shared = owner_of, shared
        self.turns = OneAtATime()
        self.large: set[str] = set()
        self._claims: dict[Claim, None] = {}
        self._totals = {False: 0, True: 0}

    @property
    def held(self) -> int:
        """Bytes that are taken now."""
        return sum(self._totals.values())

    def count(self, claim: Claim, more: int) -> None:
        """The claim takes so much more: counted as it changes, because each piece of each answer asks for the sum."""
        if claim in self._claims:
            self._totals[claim.is_large] += more

    def share(self, uid: str, *, replaces: bool = False) -> "Share":
        """For the client of one provider object; `replaces`: it is to take the place of one that has certificates."""
        return Share(self, uid, replaces)

    def forget(self, uid: str) -> None:
        """The provider object is gone."""
        self.large.discard(uid)

    def claim(self, uid: str, what: str) -> Claim:
        """A new one, which must be released."""
        claim = Claim(self, uid, what)
        self._claims[claim] = None
        return claim

    def keepsake(self, uid: str, evict: Callable[[], object]) -> Claim:
        """For what is remembered of listings; `evict` forgets it."""
        claim = self.claim(uid, "remember keys")
        claim.is_kept, claim.evict = True, evict
        return claim

    def drop(self, claim: Claim) -> None:
        """It counts no more."""
        self.count(claim, -claim.size)
        self._claims.pop(claim, None)

    def make_room(self, claim: Claim) -> None:
        """Has others give way, or raises PutOff."""
        limit = LARGE if claim.is_large else self._shared
        while self._totals[claim.is_large] > limit:
            victim = self._victim(claim)
            if victim is None or victim is claim or victim.evict is None:
                raise claim.put_off("the answers that are read now take all the memory there is for them")
            self.drop(victim)
            victim.evict()

    def _victim(self, asking: Claim) -> Claim | None:
        """Whoever gives way: what is merely kept before what is being read, and of the owner that holds most."""
        rivals = [one for one in self._claims if one.is_large is asking.is_large]
        totals: dict[str, int] = {}
        for one in rivals:
            totals[one.owner] = totals.get(one.owner, 0) + one.size
        able = [one for one in rivals if one is asking or one.evict is not None]
        rank = {one: (one.is_kept, totals[one.owner], one is asking, one.size) for one in able}
        return max(able, key=rank.__getitem__, default=None)


class Share:
    """What one provider object takes."""

    def __init__(self, answers: Answers, uid: str, replaces: bool) -> None:
        self._answers, self._uid, self.replaces = answers, uid, replaces

    @property
    def owner(self) -> str:
        """Whose the provider object is."""
        return self._answers.owner_of(self._uid)

    @asynccontextmanager
    async def listing(self, what: str) -> AsyncIterator[Claim]:
        """Around a whole listing; a large one waits for its turn. Raises PutOff when others need the memory."""
        claim = self._answers.claim(self._uid, what)
        mine = CLAIM.set(claim)
        try:
            if self._uid in self._answers.large:
                await claim.turn()
            async with asyncio.timeout(None) as cut:
                claim.evict = lambda: cut.reschedule(asyncio.get_running_loop().time())
                yield claim
        except TimeoutError:
            raise claim.put_off("other namespaces need the memory for answers") from None
        finally:
            CLAIM.reset(mine)
            claim.end_turn()
            if not claim.is_kept:
                claim.release()

    @contextmanager
    def answer(self, what: str) -> Iterator[Claim]:
        """Around one answer: a part of the listing that is being read, if there is one."""
        if (listing := CLAIM.get()) is not None:
            yield listing
            return
        claim = self._answers.claim(self._uid, what)
        try:
            yield claim
        finally:
            claim.end_turn()
            claim.release()


UNSHARED = Answers().share("")
"""For a client that is alone in its process, as in tools and tests."""
