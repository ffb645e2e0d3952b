"""Tokens, as a provider counted them: found without parsing, since a quote within a text is never written bare."""

import re

_ASKED = re.compile(rb'"(?:prompt_tokens|input_tokens|promptTokenCount)"\s*:\s*(\d{1,9})\b')
_ANSWERED = re.compile(rb'"(?:completion_tokens|output_tokens|candidatesTokenCount)"\s*:\s*(\d{1,9})\b')
_MARK = b"usage"
_BEHIND = 4096
"""Usage stands at an answer's end."""
Tokens = tuple[int, int]


def tokens(piece: bytes, before: Tokens = (0, 0)) -> Tokens:
    """Those of the question and of the answer; what the piece does not say stays as it was before."""
    at = piece.rfind(_MARK)
    if at < 0:
        return before
    asked, answered = _ASKED.findall(piece, at), _ANSWERED.findall(piece, at)
    if not (asked and answered):
        at = max(0, at - _BEHIND)
        asked, answered = _ASKED.findall(piece, at), _ANSWERED.findall(piece, at)
    return int(asked[-1]) if asked else before[0], int(answered[-1]) if answered else before[1]
