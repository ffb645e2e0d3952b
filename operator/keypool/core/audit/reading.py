"""Finds the audit lines among whatever else a log has: other lines, prefixes of `kubectl logs` or a runtime. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from keypool.core.audit.chain import VERSION

LONGEST_LINE = 65_536
"""Characters of a line that are read; keypool writes none of 16,384."""
_IS_AUDIT = re.compile(r'"audit"\s*:')
_HASH = re.compile(r"[0-9a-f]{64}\Z")
_LONGEST_EPOCH, LARGEST, _DEEPEST = 300, 2**53, 100


class _Twice(ValueError):
    """A field stands in an object more than once: what people see of it may not be what is hashed."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    told = dict(pairs)
    if len(told) < len(pairs):
        raise _Twice
    return told


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


@dataclass(frozen=True, slots=True)
class Read:
    """A line of the chain, with all that it says."""

    audit: str
    time: str
    epoch: str
    seq: int
    prev: str
    hash: str
    told: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Unread:
    """An audit line that is none of the chain; says why."""

    why: str


def read(text: str) -> Read | Unread | None:
    """None for a line that is none of the audit log."""
    if not _IS_AUDIT.search(text):
        return None
    if len(text) > LONGEST_LINE:
        return Unread("is longer than any audit line")
    if text.count("{") + text.count("[") > _DEEPEST:
        return Unread("is damaged: it has more parts than any audit line")
    told = _decoded(text)
    return told if isinstance(told, Unread) else _checked(told)


def _decoded(text: str) -> dict[str, object] | Unread:
    try:
        told, _ = _DECODER.raw_decode(text, max(text.find("{"), 0))
    except _Twice:
        return Unread("is damaged: it has a field twice")
    except (ValueError, RecursionError):
        return Unread("is cut or damaged: it is no JSON")
    if not isinstance(told, dict) or not isinstance(told.get("audit"), str):
        return Unread("is damaged: it is no object with the field audit")
    return told


def _checked(told: dict[str, object]) -> Read | Unread:
    version = told.get("v")
    if version is None:
        return Unread("stands in no chain: keypool before version 1 of the format, or somebody else, wrote it")
    if version != VERSION or isinstance(version, bool):
        return Unread(f"has a version of the format that is not known here (known: {VERSION})")
    epoch, seq, prev, own = (told.get(name) for name in ("epoch", "seq", "prev", "hash"))
    if not isinstance(epoch, str) or len(epoch) > _LONGEST_EPOCH:
        return Unread("is damaged: epoch")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq < LARGEST:
        return Unread("is damaged: seq")
    if not all(isinstance(each, str) and _HASH.match(each) for each in (prev, own)):
        return Unread("is damaged: prev or hash")
    return Read(str(told["audit"]), str(told.get("time", "")), epoch, seq, str(prev), str(own), told)
