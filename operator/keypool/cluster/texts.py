"""Texts of cached objects, each kept once. No I/O."""

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from keypool.core.views_secret import SecretView

MOST_TEXTS, LONGEST_TEXT = 10_000, 512
"""Texts that are remembered, of so many characters at most, since they outlive their object; then it begins anew."""

U = TypeVar("U", str, frozenset[str])
Object = dict[str, Any]


class Texts:
    """Each text once: objects have most of theirs in common. (sys.intern would keep them for ever in Python 3.12.)"""

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def compact(self, obj: Object) -> Object:
        """A copy that shares its texts."""
        self._bound()
        return {self._one(key): self._shared(value) for key, value in obj.items()}

    def compact_view(self, view: SecretView) -> SecretView:
        """Of a Secret. The names in its labels and annotations are the same for nearly all, and half of what it
        takes."""
        self._bound()
        return replace(
            view,
            digests=self._shared_names(view.digests),
            labels=self._shared_names(view.labels),
            annotations=self._shared_names(view.annotations),
            managed_labels=self._one(view.managed_labels),
            managed_annotations=self._one(view.managed_annotations),
        )

    def _shared_names(self, texts: Mapping[str, str]) -> dict[str, str]:
        return {self._one(key): self._one(value) for key, value in texts.items()}

    def _bound(self) -> None:
        if len(self._known) > MOST_TEXTS:
            self._known.clear()

    def _shared(self, value: object) -> object:
        if isinstance(value, dict):
            return {self._one(key): self._shared(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._shared(item) for item in value]
        return self._one(value) if isinstance(value, str) else value

    def _one(self, text: U) -> U:
        if (len(text) if isinstance(text, str) else sum(map(len, text))) > LONGEST_TEXT:
            return text
        known: U = self._known.setdefault(text, text)
        return known
