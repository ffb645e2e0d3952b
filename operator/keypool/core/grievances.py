"""Whether a provider refuses the admin credential for calls of one kind, although it lists keys for it.

Such a refusal may be meant for the credential, which lacks a right, or for the one pool that asks for what it may not
have. Calls of others tell: while the same call works for another pool, it is that pool's own. Purely computational.
"""

from dataclasses import dataclass, field

TELLING = 2
"""Refusals in a row that say something: the first may have met a token that was revoked early."""
_MANY = 10_000


@dataclass(slots=True)
class _Grievance:
    """Of one kind of call: what was said last, how often in a row, and the namespaces of the pools that it was said
    to, by UID."""

    said: str = ""
    calls: int = 0
    pools: dict[str, str] = field(default_factory=dict)


class Grievances:
    """Of one credential."""

    def __init__(self) -> None:
        self._open: dict[str, _Grievance] = {}
        self._own: set[tuple[str, str]] = set()

    def refused(self, call: str, pool: str, namespace: str, said: str) -> bool:
        """A call of that kind was refused; True when that may change the judgement."""
        if (call, pool) in self._own:
            return False
        grievance = self._open.setdefault(call, _Grievance())
        grievance.said, grievance.calls = said, grievance.calls + 1
        is_news = pool not in grievance.pools or grievance.calls <= TELLING
        if len(grievance.pools) < _MANY:
            grievance.pools[pool] = namespace
        return is_news

    def worked(self, call: str, pool: str) -> bool:
        """A call of that kind was carried out; True when that changes the judgement."""
        self._own.discard((call, pool))
        grievance = self._open.pop(call, None)
        if grievance is None:
            return False
        if len(self._own) < _MANY:
            self._own |= {(call, other) for other in grievance.pools if other != pool}
        return True

    def judgement(self, *, shared: bool) -> str | None:
        """What is refused to the credential, None when nothing is known to be. `shared`: pools of several namespaces
        use it; then what one namespace is refused is not said of all."""
        for _, grievance in sorted(self._open.items()):
            if grievance.calls >= TELLING and (not shared or len({*grievance.pools.values()}) > 1):
                return grievance.said
        return None
