"""Names that people wrote, as they may be repeated: where a name belongs, somebody sometimes pastes a key. Pure."""

import re

_WORDS = re.compile(r"[-._/]")
LONGEST_NUMBERED, MOST_NUMBERED = 10, 24
"""Characters that a word with digits or of mixed case may have, such as kustomize's suffixes; and all of them."""


def is_name(text: str) -> bool:
    """Whether it reads like a name: short, or of words without digits. A key is long and has both."""
    odd = [word for word in _WORDS.split(text) if not (word.isalpha() and (word.islower() or word.isupper()))]
    if len(text) < 16:
        return text.isprintable() and text.isascii()
    short = all(len(word) <= LONGEST_NUMBERED for word in odd) and sum(map(len, odd)) <= MOST_NUMBERED
    return short and text.isascii() and text.isprintable() and len(text) <= 253 and text[:3] != "sk-"


def quoted(text: str, otherwise: str) -> str:
    """The name in quotes; where it may be a key, `otherwise` stands for it, with its length."""
    return f'"{text}"' if is_name(text) else f"{otherwise} ({len(text)} characters)"
