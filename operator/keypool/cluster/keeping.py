"""What is kept of an object that other people wrote: what is used, and of that no more than it may be. Pure.

Anybody may write 256 KiB of annotations, a megabyte of data and any number of field managers on an object; 300 of
those must not fill the operator's memory.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from keypool.cluster.askers import askers
from keypool.core.annotations import KNOWN
from keypool.core.naming import OURS
from keypool.core.views_secret import ANNOTATION_ADOPTED, SecretView

MOST_FINALIZERS = 16
"""Names that are kept; one more shows that there are others."""
_META = ("name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp")
_PARTS_SENT = ("apiVersion", "kind", "spec")
_LONGEST, _LONGEST_NAME, _MOST_NAMES = 4097, 317, 32
"""Characters of an annotation that are kept, one more than are read of any; and of its name; and such names."""
_LONGEST_HANDLES = 2**17
_MOST_ENTRIES = 16
_AND_MORE = ""
"""The name, which no entry can have, under which it shows that there are more."""


def kept_object(obj: Mapping[str, Any]) -> dict[str, Any]:
    """Of one of our own kinds: its spec and status, of its metadata what identifies it and what people ask for, and who
    asked. `with_status` makes of it what can be sent."""
    meta = obj["metadata"]
    kept = {key: meta[key] for key in _META if key in meta}
    if annotations := _annotations(meta.get("annotations") or {}):
        kept["annotations"] = annotations
    if finalizers := _finalizers(meta.get("finalizers") or ()):
        kept["finalizers"] = finalizers
    who = {"askers": found} if (found := askers(meta)) else {}
    return {**{key: obj[key] for key in (*_PARTS_SENT, "status") if key in obj}, **who, "metadata": kept}


def with_status(obj: Mapping[str, Any], status: Mapping[str, Any]) -> dict[str, Any]:
    """What is sent to the API server to write a status."""
    return {key: obj[key] for key in (*_PARTS_SENT, "metadata") if key in obj} | {"status": status}


def _annotations(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: texts[name][:_LONGEST] for name in sorted(KNOWN.intersection(texts))}


def _finalizers(names: Iterable[str]) -> list[str]:
    """Ours first, so that it is seen."""
    ordered = sorted(names, key=lambda name: not name.startswith(OURS))
    return [name[:_LONGEST_NAME] for name in ordered[: MOST_FINALIZERS + 1]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Names of the labels and annotations that pools want on a Secret, beside our own, and of the entries that they
    write."""

    labels: frozenset[str]
    annotations: frozenset[str]
    entries: frozenset[str]


def wanted_by(pools: Iterable[Mapping[str, Any]]) -> Wanted:
    """What the pools that claim a Secret ask for."""
    specs = [(pool.get("spec") or {}).get("secret") or {} for pool in pools]
    labels, annotations = ({name for spec in specs for name in spec.get(part) or ()} for part in _PARTS)
    keys = [spec.get("keys") or {} for spec in specs]
    entries = {each.get(entry) or entry for each in keys for entry in _ENTRIES}
    return Wanted(
        frozenset({*labels, "app.kubernetes.io/managed-by"}), frozenset(annotations), frozenset({*entries, "keys.json"})
    )


_PARTS = ("labels", "annotations")
_ENTRIES = ("apiKey", "baseURL")
"""As spec.secret.keys calls them, and as they are called where it does not."""


def kept_view(view: SecretView, wanted: Wanted) -> SecretView:
    """Of a Secret that pools claim."""
    return replace(
        view,
        type=view.type[:_LONGEST_NAME],
        digests=_entries(view, wanted.entries),
        labels=_texts(view.labels, wanted.labels),
        annotations=_texts(view.annotations, wanted.annotations),
        managed_labels=_managed(view.managed_labels, wanted.labels),
        managed_annotations=_managed(view.managed_annotations, wanted.annotations),
    )


def _entries(view: SecretView, wanted: frozenset[str]) -> Mapping[str, str]:
    """We write two. Of more, so many that it shows that they are others; ours first: a Secret that was taken over may
    have any number beside them."""
    digests = view.digests
    if len(digests) <= _MOST_ENTRIES:
        return digests
    marked = view.annotations.get(ANNOTATION_ADOPTED, "").split(",")
    names = dict.fromkeys(name for name in (*sorted(wanted), *marked, *sorted(digests)) if name in digests)
    return {**{name: digests[name] for name in list(names)[:_MOST_ENTRIES]}, _AND_MORE: ""}


def _texts(texts: Mapping[str, str], wanted: frozenset[str]) -> dict[str, str]:
    ours = sorted(name for name in texts if name.startswith(OURS) and len(name) <= _LONGEST_NAME)[:_MOST_NAMES]
    names = [*ours, *(name for name in sorted(wanted) if name in texts and not name.startswith(OURS))]
    return {name: texts[name][: _LONGEST_HANDLES if name.startswith(OURS) else _LONGEST] for name in names}


def _managed(names: frozenset[str], wanted: frozenset[str]) -> frozenset[str]:
    """Those that are not wanted are to go: a part of many at a time."""
    expected = {name for name in names if name in wanted or name.startswith(OURS)}
    others = sorted(name for name in names - expected if len(name) <= _LONGEST_NAME)
    return frozenset([*sorted(expected)[: 3 * _MOST_NAMES], *others[:_MOST_NAMES]])
