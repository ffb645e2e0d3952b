"""Annotations by which people ask for something on a pool or a provider object: nothing else of those is kept."""

from collections.abc import Iterable
from difflib import get_close_matches

from keypool.core.naming import OURS

ROTATE = "keypool.dev/rotate"
COMPROMISED = "keypool.dev/compromised"
CLEARED = "keypool.dev/clear-lost"
ABANDON = "keypool.dev/abandon"
UNDO = "keypool.dev/undo-revoke"
REVOKED = "keypool.dev/revoked"
CONFIRM = "keypool.dev/confirm-account"
OF_POOLS = frozenset({ROTATE, COMPROMISED, CLEARED, ABANDON, UNDO, REVOKED})
OF_PROVIDERS = frozenset({CONFIRM})
KNOWN = OF_POOLS | OF_PROVIDERS
_ALIKE = 0.5
"""From which likeness on, of 1, another name is suggested."""


def stray(name: str, here: frozenset[str]) -> str:
    """What is told of an annotation below keypool.dev/ that does nothing on an object for which those of `here` are."""
    kind = "an ApiKeyPool" if here is OF_POOLS else "a provider object"
    if name in KNOWN:
        other = "an ApiKeyPool" if name in OF_POOLS else "a provider object"
        return f"annotation {name} does nothing on {kind}: it is for {other}"
    text, ends = f"{kind} has no annotation {name}", {each.removeprefix(OURS): each for each in sorted(here)}
    word = name.removeprefix(OURS).lower()
    begins = [end for end in ends if word and (end.startswith(word) or word.startswith(end))]
    near = begins or get_close_matches(word, ends, 1, _ALIKE)
    return f"{text}: the nearest is {ends[near[0]]}" if near else text


def strays(names: Iterable[str], here: frozenset[str]) -> str:
    """The same of several; "" for none."""
    return "; ".join(stray(name, here) for name in names)
