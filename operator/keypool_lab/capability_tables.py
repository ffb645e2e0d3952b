"""The tables of capabilities in docs/providers: what an adapter says of itself, written between two markers."""

import importlib.util
from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from keypool.api.provider_options import KINDS, Kinds
from keypool.api.status import ProviderCapabilities
from keypool.core.capabilities import Capabilities
from keypool.providers.registry import adapter_module
from keypool.providers.transport import Deadlines, Transport

BEGIN = "<!-- Written by `python -m keypool_lab.docs docs/`: what the adapter says of itself. -->"
END = "<!-- End of what is written. -->"
_LEAST = {"openAI": {"project": "proj_any"}}
"""Options without which a kind is not valid."""


def documented_kinds(folder: Path) -> tuple[str, ...]:
    """The kinds that have an adapter here and a page in `folder`."""
    return tuple(kind for kind in KINDS if page_of(folder, kind).exists() and _has_adapter(kind))


def page_of(folder: Path, kind: str) -> Path:
    """Where the page of a kind stands, such as holysheep.md for holySheep."""
    return folder / f"{kind.lower()}.md"


def with_table(text: str, kind: str) -> str:
    """The page's text with the table as it is now; a page without the markers gets them at its end."""
    return _written(text, _table(capabilities_of(kind)))


def with_comparison(text: str, kinds: Iterable[str]) -> str:
    """The overview's text with the capabilities of all kinds side by side."""
    return _written(text, _comparison({kind: capabilities_of(kind) for kind in kinds}))


def capabilities_of(kind: str) -> Capabilities:
    """What the adapter of a kind can do, with its options' defaults. It connects to nothing."""
    options = Kinds.model_validate({kind: _LEAST.get(kind, {})})
    model = next(value for name in Kinds.model_fields if (value := getattr(options, name)) is not None)
    transport = Transport("https://provider.example/v1", SecretStr("none"), Deadlines())
    return adapter_module(kind).build(model, transport).capabilities


def _has_adapter(kind: str) -> bool:
    return importlib.util.find_spec(f"keypool.providers.{kind.lower()}") is not None


def _written(text: str, table: Iterable[str]) -> str:
    if BEGIN not in text or END not in text:
        text = f"{text.rstrip()}\n\n## Capabilities\n\n{BEGIN}\n{END}\n"
    before, after = text.partition(BEGIN)[0], text.partition(END)[2]
    return "\n".join((before + BEGIN, "", *table, "", END + after))


def _comparison(known: Mapping[str, Capabilities]) -> Iterable[str]:
    yield f"| capability | {' | '.join(f'`{kind}`' for kind in known)} |"
    yield f"| --- |{' --- |' * len(known)}"
    for field in fields(Capabilities):
        shown = (_shown(getattr(can, field.name)) for can in known.values())
        yield f"| `{ProviderCapabilities.model_fields[field.name].alias}` | {' | '.join(shown)} |"


def _table(known: Capabilities) -> Iterable[str]:
    yield "| capability | | meaning |"
    yield "| --- | --- | --- |"
    for field in fields(known):
        told = ProviderCapabilities.model_fields[field.name]
        meaning = (told.description or "").replace(" (Go duration)", "").removesuffix(" Absent: no limit.")
        yield f"| `{told.alias}` | {_shown(getattr(known, field.name))} | {meaning} |"


def _shown(value: bool | timedelta | None) -> str:
    match value:
        case None:
            return "no limit"
        case timedelta():
            seconds = value.total_seconds()
            return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds:g} s"
    return "**yes**" if value else "no"
