"""How many keys the pools of each namespace ask for that get any, kept as they change."""

from collections import Counter


class Sizes:
    """By the pools' UIDs."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, int]] = {}
        self._asked: Counter[str] = Counter()

    def set(self, uid: str, namespace: str, size: int) -> None:
        """The pool asks for so many now, and gets them; 0: it gets none."""
        self.drop(uid)
        if size:
            self._known[uid] = namespace, size
            self._asked[namespace] += size

    def drop(self, uid: str) -> None:
        """The pool is gone."""
        namespace, size = self._known.pop(uid, ("", 0))
        self._asked[namespace] -= size
        if not self._asked[namespace]:
            del self._asked[namespace]

    def of(self, namespace: str) -> int:
        """What all pools there ask for together."""
        return self._asked[namespace]
