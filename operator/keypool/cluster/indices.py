"""Which UIDs belong to a term, such as the Secrets that a pool wants. No I/O."""

from collections import defaultdict


class Index:
    """Kept when a UID's terms change."""

    def __init__(self) -> None:
        self._terms: dict[str, tuple[tuple[str, str], ...]] = {}
        self._uids: defaultdict[tuple[str, str], set[str]] = defaultdict(set)

    def terms(self, uid: str) -> tuple[tuple[str, str], ...]:
        """Those of the UID."""
        return self._terms.get(uid, ())

    def get(self, term: tuple[str, str]) -> frozenset[str]:
        """The UIDs that have the term."""
        return frozenset(self._uids.get(term, ()))

    def set(self, uid: str, terms: set[tuple[str, str]]) -> list[tuple[str, str]]:
        """The UID has these terms now. Returns the terms that are nobody's any more."""
        left = list[tuple[str, str]]()
        for term in set(self._terms.pop(uid, ())) - terms:
            self._uids[term].discard(uid)
            if not self._uids[term]:
                del self._uids[term]
                left.append(term)
        for term in terms:
            self._uids[term].add(uid)
        if terms:
            self._terms[uid] = tuple(terms)
        return left
