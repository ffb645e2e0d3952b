"""How often a provider object that people change again and again is tried anew.

Each change of its spec or of its credential costs a client and a call, and each confirmation a record: of the account,
and of the operator. What exists goes on as it was before.
"""

from collections.abc import Callable
from typing import Any

from keypool.core.buckets import Buckets
from keypool.core.observation import Problem
from keypool.core.reasons import Reason

AT_ONCE, EVERY = 5, 10.0
"""Changes of one object that are tried at once, and seconds until one more is."""
OF_A_NAMESPACE, EVERY_OF_A_NAMESPACE = 20, 1.0
"""The same for all of a namespace together, besides two for each object that it has: else it would make them anew."""
PACED = Problem(
    Reason.CHANGES_PACED,
    f"its spec or credential was changed again and again: after {AT_ONCE} changes, one is tried every {EVERY:g} s",
    stalls=False,
)


class Changes:
    """`clock`: seconds; `objects_in`: how many provider objects a namespace has."""

    def __init__(self, clock: Callable[[], float], objects_in: Callable[[str], int]) -> None:
        self._buckets, self._objects_in = Buckets(clock), objects_in

    def may_be_tried(self, obj: dict[str, Any]) -> bool:
        """Whether what people changed may be tried now; it counts if so."""
        meta, namespace = obj["metadata"], obj["metadata"].get("namespace", "")
        limits = {meta["uid"]: (AT_ONCE, EVERY)}
        if namespace:
            most = OF_A_NAMESPACE + 2 * self._objects_in(namespace)
            limits[f"namespace {namespace}"] = (most, EVERY_OF_A_NAMESPACE)
        if any(self._buckets.wait(key, *limit) for key, limit in limits.items()):
            return False
        for key in limits:
            self._buckets.take(key)
        return True
