"""Who asked: what `metadata.managedFields` tell of our annotations and of the spec, in a few words. Pure.

Of an object only these are kept, not the managedFields: those may be a megabyte.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from keypool.core.annotations import KNOWN
from keypool.core.audit.lines import By, named
from keypool.core.naming import OURS
from keypool.core.wording import is_name

SPEC, ODD = "spec", "odd"
"""Names, beside annotations, under which something is kept: who changed what keys may do, and odd annotations."""
_MOST_ENTRIES, _LONGEST, _MOST_ODD = 256, 128, 4
_MARK = "\t"


def askers(meta: Mapping[str, Any]) -> dict[str, str]:
    """By annotation, or SPEC, the newest manager of it. Of annotations below keypool.dev/ that do not exist, the
    names."""
    texts = meta.get("annotations") or {}
    entries = _entries(meta)
    found = {
        name: told for name in sorted(KNOWN.intersection(texts)) if (told := _newest(_of_annotation(entries, name)))
    }
    if spec := _newest(_of_spec(entries)):
        found[SPEC] = spec
    if odd := [_shown(name) for name in sorted(texts) if name.startswith(OURS) and name not in KNOWN]:
        found[ODD] = _MARK.join(odd[:_MOST_ODD])
    return found


def by(obj: Mapping[str, Any] | None, what: str) -> By | None:
    """Who asked for this, an annotation's name or SPEC; None where nobody knows."""
    told = (obj or {}).get("askers", {}).get(what) if obj is not None else None
    if obj is None or told is None:
        return None
    manager, operation, time = told.split(_MARK)
    return By(manager, operation, time, str(obj["metadata"].get("resourceVersion", "")))


def odd(obj: Mapping[str, Any]) -> tuple[str, ...]:
    """Annotations below keypool.dev/ that do not exist."""
    told = (obj.get("askers") or {}).get(ODD)
    return tuple(told.split(_MARK)) if told else ()


def misplaced(obj: Mapping[str, Any], here: frozenset[str]) -> tuple[str, ...]:
    """Annotations below keypool.dev/ that do nothing on an object for which those of `here` are."""
    others = KNOWN.intersection(obj["metadata"].get("annotations") or ()) - here
    return (*odd(obj), *sorted(others))


def _entries(meta: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Of the object itself: a status is nobody's order."""
    entries = list(meta.get("managedFields") or ())[:_MOST_ENTRIES]
    whole = (each for each in entries if isinstance(each, Mapping) and isinstance(each.get("fieldsV1"), Mapping))
    return [each for each in whole if not each.get("subresource")]


def _of_annotation(entries: Iterable[Mapping[str, Any]], name: str) -> Iterator[Mapping[str, Any]]:
    key = f"f:{name}"
    return (each for each in entries if key in _below(each, "f:metadata", "f:annotations"))


def _of_spec(entries: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Of what keys may do; where nobody has any of that, of anything."""
    return [each for each in entries if "f:key" in _below(each, "f:spec")] or [
        each for each in entries if _below(each, "f:spec")
    ]


def _below(entry: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    fields = entry["fieldsV1"]
    for name in path:
        fields = fields.get(name) if isinstance(fields, Mapping) else None
    return fields if isinstance(fields, Mapping) else {}


def _newest(entries: Iterable[Mapping[str, Any]]) -> str | None:
    last = max(entries, key=lambda each: str(each.get("time", "")), default=None)
    return _MARK.join(_word(last.get(name)) for name in ("manager", "operation", "time")) if last is not None else None


def _word(value: object) -> str:
    text = " ".join(str(value or "").split())[:_LONGEST]
    return named(text) if text.isprintable() else f"({len(text)} characters)"


def _shown(name: str) -> str:
    """People sometimes paste a key where a name belongs."""
    rest = name.removeprefix(OURS)
    return name if is_name(rest) and rest.isascii() else f"{OURS}({len(rest)} characters)"
