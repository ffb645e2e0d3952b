"""What of the cluster is in sight, and how old what we know is: when each watch was last known to be alive.

A silent watch may be a quiet cluster or a dead connection. So the API server is asked to end each stream after
`STREAM_SECONDS`; a stream counts as alive when it is answered and at each event on it. A healthy watch is therefore
never older than about `STREAM_SECONDS`, even where nothing happens.

A kind that is not installed, and a namespace that the API server refuses, are named and waited for; the others go on.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from keypool.cluster.cache import Kind, watched

STREAM_SECONDS = 40
STALE = 3.0 * STREAM_SECONDS
"""Seconds after which a watch without a sign of life makes the replica unready."""
PATIENCE = 30.0
"""Seconds that work waits for namespaces that neither answer nor refuse, once another is in sight."""

_log = logging.getLogger(__name__)

Place = str | None
"""A namespace that is served; None where that is the whole cluster."""


class Liveness:
    """One entry for each watched kind and place. `on_sight` is told of a place as soon as all of it is known."""

    def __init__(self, namespaces: Iterable[str] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._served = clock, tuple(namespaces)
        self._kinds = watched(self._served)
        self._places: tuple[Place, ...] = self._served or (None,)
        self._alive: dict[tuple[Kind, Place], float | None] = {
            (kind, place): None for kind in self._kinds for place in self._places
        }
        self._listed = set[tuple[Kind, Place]]()
        self._refused: dict[tuple[Kind, Place], str] = {}
        self._absent = frozenset[Kind]()
        self._missing = set[str]()
        self._latest = clock()
        self.asked = set[Kind]()
        """The kinds that Kopf has asked for since it started last."""
        self.trouble = ""
        """Why the watches ended last, as long as none is alive."""
        self.on_sight: Callable[[Place], None] = lambda _: None
        self.complete = asyncio.Event()
        """Set when every watch has been alive once: all that existed before is in the cache by then."""
        self._settled, self._some = asyncio.Event(), asyncio.Event()
        self._claims_settled, self._some_claims = asyncio.Event(), asyncio.Event()

    # -- what the watches and the resync tell

    def mark(self, kind: Kind, namespace: Place) -> None:
        """The watch of this kind showed a sign of life; it began after a complete list."""
        where = (kind, namespace) if (kind, namespace) in self._alive else (kind, None)
        if where in self._alive:
            self._alive[where] = self._clock()
            self.trouble = ""
            self.listed(*where)

    def listed(self, kind: Kind, place: Place) -> None:
        """All objects of this kind in this place are known. Nothing waits for a kind that is optional."""
        if kind not in self._kinds:
            return
        self._latest = self._clock()
        if (where := (kind, place)) in self._listed and not self._refused:
            return
        saw = self._sees(place)
        if self._refused.pop(where, None) is not None and not self._refusal(place):
            _log.info("not refused any more", extra={"where": _named(place)})
        self._listed.add(where)
        if not saw and self._sees(place):
            self.on_sight(place)
        self._set_events()

    def refuse(self, kind: Kind, namespace: Place, why: str) -> None:
        """The API server refuses to list or watch this kind in this place."""
        where = (kind, namespace) if (kind, namespace) in self._alive else (kind, None)
        if where not in self._alive:
            return
        if self._refusal(where[1]) is None:
            _log.warning("refused by the API server; waiting for it", extra={"where": _named(where[1]), "error": why})
        self._refused[where] = f"{kind}: {why}"
        self._set_events()

    def set_absent(self, kinds: Iterable[Kind]) -> None:
        """These kinds are not installed: nothing of them exists."""
        absent = frozenset(kinds)
        if absent != self._absent:
            for kind in sorted(absent - self._absent):
                _log.warning("a kind is not installed; waiting for it: apply its CRD", extra={"kind": kind.value})
            self._absent = absent
            for place in self._places:
                if self._sees(place):
                    self.on_sight(place)
            self._set_events()

    def set_missing(self, namespaces: Iterable[str]) -> None:
        """These of the namespaces to serve do not exist."""
        for name in sorted(set(namespaces) - self._missing):
            _log.warning("a namespace to serve does not exist; waiting for it", extra={"namespace": name})
        self._missing = set(namespaces)

    # -- what others ask

    async def begin(self, patience: float = PATIENCE, *, secrets: bool = True) -> None:
        """Returns when work may begin: everything is in sight; or what is not was refused, or keeps silent, while
        something else is. Without `secrets`: everything but these."""
        settled, some = (self._settled, self._some) if secrets else (self._claims_settled, self._some_claims)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await settled.wait()
        await some.wait()

    def sees(self, namespace: str) -> bool:
        """Whether this namespace is served, and all that is in it known: nothing is concluded or done before."""
        if self._served and namespace not in self._served:
            return False
        return self._sees(namespace if self._served else None)

    def sees_claims(self, namespace: str) -> bool:
        """The same, but for its Secrets: which pools claim them is known, and each can be read."""
        return self.serves(namespace) and self._sees(namespace if self._served else None, secrets=False)

    def serves(self, namespace: str) -> bool:
        """Whether this namespace is to be served."""
        return not self._served or namespace in self._served

    def is_served(self, namespace: str) -> bool:
        """Whether all is well with this namespace."""
        return self.sees(namespace) and namespace not in self._missing

    def sees_all(self) -> bool:
        """Whether what is not known does not exist anywhere in the cluster."""
        return not self._served and not self._absent and self._sees(None)

    def sees_served(self) -> bool:
        """Whether every namespace that is served is in sight."""
        return all(map(self._sees, self._places))

    def blind_for(self) -> float:
        """Seconds since anything at all was listed, or a watch showed a sign of life."""
        return self._clock() - self._latest

    def ages(self) -> dict[Kind, float | None]:
        """Seconds since the last sign of life, of each kind's most silent watch; None: one was never alive. What is
        refused is told elsewhere, as long as something else is not."""
        return {kind: self._age(kind) for kind in self._kinds}

    def complaints(self) -> list[str]:
        """Why this replica cannot do its work: one line for each kind whose watch has been silent for longer than
        `STALE` seconds, or never spoke."""
        lines = [
            f"watch of {kind}: " + ("not yet alive" if age is None else f"silent for {age:.0f} s")
            for kind, age in self.ages().items()
            if kind not in self._absent and (age is None or age > STALE)
        ]
        if Kind.POOL in self._absent or all(map(self._refusal, self._places)):
            lines += self.notes()
        return [*lines, f"the watches ended: {self.trouble}"] if lines and self.trouble else lines

    def notes(self) -> list[str]:
        """What waits while all else goes on."""
        absent = [f"kind {kind}: not installed, apply its CRD" for kind in sorted(self._absent)]
        missing = [f"namespace {name}: does not exist" for name in sorted(self._missing)]
        refused = [f"{_named(place)}: refused, {why}" for place in self._places if (why := self._refusal(place))]
        return [*absent, *missing, *refused]

    # -- how

    def _sees(self, place: Place, *, secrets: bool = True) -> bool:
        kinds = (kind for kind in self._kinds if kind not in self._absent and (secrets or kind is not Kind.SECRET))
        known = all((kind, place) in self._listed for kind in kinds)
        return known and (Kind.POOL, place) in self._listed and not self._refusal(place)

    def _refusal(self, place: Place) -> str | None:
        found = (why for (_, where), why in self._refused.items() if where == place)
        return next(found, None)

    def _set_events(self) -> None:
        if all(map(self._sees, self._places)):
            self.complete.set()
        self._set(self._some, self._settled, secrets=True)
        self._set(self._some_claims, self._claims_settled, secrets=False)

    def _set(self, some: asyncio.Event, settled: asyncio.Event, *, secrets: bool) -> None:
        sees = [self._sees(place, secrets=secrets) for place in self._places]
        if any(sees):
            some.set()
        if all(seen or self._refusal(place) for seen, place in zip(sees, self._places, strict=True)):
            settled.set()

    def _age(self, kind: Kind) -> float | None:
        heard = [place for place in self._places if not self._refusal(place)] or self._places
        oldest = 0.0
        for place in heard:
            seen = self._alive[kind, place]
            if seen is None:
                return None
            oldest = max(oldest, self._clock() - seen)
        return oldest


def _named(place: Place) -> str:
    return "the whole cluster" if place is None else f"namespace {place}"
