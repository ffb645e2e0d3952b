"""Which pools of a provider came, changed or went since somebody last took note of them. No I/O."""

from collections import OrderedDict

MOST = 20_000
"""Places that are followed, and pools of one. The place that nobody took for longest is given up, and one with more
pools: who takes it then looks through all."""
Place = tuple[str, str]


class Changed:
    """By the provider's place, its namespace and name; followed from the first time that it is taken."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._uids: OrderedDict[Place, set[str]] = OrderedDict()

    def note(self, place: Place, uid: str) -> None:
        """A pool of the provider at that place is another now."""
        if (uids := self._uids.get(place)) is not None:
            uids.add(uid)
            if len(uids) > self._most:  # nobody took them for long, as where the provider is gone
                del self._uids[place]

    def take(self, place: Place) -> set[str] | None:
        """UIDs of those that were noted since it was taken; None for the first time: all may be."""
        uids = self._uids.pop(place, None)
        self._uids[place] = set()
        if len(self._uids) > self._most:
            self._uids.popitem(last=False)
        return uids

    def forget(self, place: Place) -> None:
        """Nobody asks any more."""
        self._uids.pop(place, None)
