"""What Argo CD calls out of sync: its three-way merge of a manifest and what is live, without its own exceptions."""

from collections.abc import Iterable
from typing import Any

MERGE_KEYS = {"containers": "name", "env": "name", "volumes": "name", "topologySpreadConstraints": "topologyKey"}
MERGE_KEYS_OF_PORTS = ("containerPort", "port")
OWN_GROUP = "keypool.dev/"


def differences(manifest: Any, live: Any) -> list[str]:
    """Where applying `manifest` once more would change `live`, by path; what only the cluster sets is left as it is."""
    return sorted(_below(manifest, live, "", whole=manifest["apiVersion"].startswith(OWN_GROUP)))


def _below(wanted: Any, live: Any, path: str, *, whole: bool) -> Iterable[str]:
    """`whole`: lists are compared as they are, as a merge patch has it, which is what other than built-in kinds get."""
    if isinstance(wanted, dict) and isinstance(live, dict):
        for name, value in wanted.items():
            yield from _below(value, live.get(name), f"{path}.{name}", whole=whole)
    elif isinstance(wanted, list) and isinstance(live, list) and (key := _merge_key(path, wanted)) and not whole:
        standing = {item.get(key): item for item in live}
        for item in wanted:
            yield from _below(item, standing.get(item[key]), f"{path}[{item[key]}]", whole=whole)
    elif wanted != live:
        yield f"{path}: {wanted!r} is written and {live!r} is live"


def _merge_key(path: str, items: list[Any]) -> str | None:
    """By which items of a built-in kind's list are told apart, where they are; else the list is compared whole."""
    name = path.rpartition(".")[2]
    keys = MERGE_KEYS_OF_PORTS if name == "ports" and ".ingress" not in path else (MERGE_KEYS.get(name, ""),)
    return next((key for key in keys if items and all(isinstance(item, dict) and key in item for item in items)), None)
