"""Every parser of what a provider, a Secret, an annotation or a manifest says, with what it may raise: one table.

A model of a provider's answer is found by itself. Another function of a module in `MODULES` that takes text or bytes
and returns what it read belongs into `PARSERS`, or into `NO_PARSERS`: a test asks for it.
"""

import json
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

from pydantic import SecretStr, ValidationError

import keypool.providers
from keypool.api import duration
from keypool.cluster import askers, holders, secret_view
from keypool.core import asked, ledger, recovery, supply
from keypool.core.audit import asking, reading
from keypool.providers import addresses, authorities, outcomes, text
from keypool.providers.adapter import WireModel, read
from keypool.providers.authorities import AuthoritiesUnusable
from keypool.providers.transport import Answer
from keypool.reconcile import provider_object, readings
from keypool_client.sharing import address, entries
from tests.fuzz import wire

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECRET = SecretStr("sk-fuzz-0123456789abcdef")
META = {"uid": "u", "namespace": "n", "name": "chat", "generation": 1, "creationTimestamp": "2026-11-24T09:00:00Z"}
MODULES = (
    *(
        addresses,
        asked,
        askers,
        asking,
        reading,
        authorities,
        duration,
        ledger,
        outcomes,
        provider_object,
        readings,
        recovery,
    ),
    *(holders, secret_view, supply, text),
    *(address, entries),
    *wire.MODULES,
)


@dataclass(frozen=True)
class Parser:
    """`read` takes whatever bytes there are; `declared` is what it may raise."""

    read: Callable[[bytes], object]
    declared: tuple[type[Exception], ...] = ()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _json(data: bytes) -> Any:
    """As the API server hands it over: JSON that was checked to be some; None for what is none."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def _object(data: bytes) -> Any:
    told = _json(data)
    return told if isinstance(told, dict) else {}


_NOTES = {f"keypool.dev/{name}": "x" for name in ("rotate", "compromised", "odd")}


def _list(data: bytes) -> Any:
    told = _json(data)
    return told if isinstance(told, list) else [{"manager": "m", "fieldsV1": told}]


def _texts(data: bytes) -> dict[str, str]:
    """Entries of a Secret, labels or annotations: the API server lets nothing but texts in."""
    return {key: value for key, value in _object(data).items() if isinstance(value, str)}


def _annotated(data: bytes) -> Any:
    names = ("rotate", "compromised", "clear-lost", "abandon", "undo-revoke", "revoked")
    notes = {f"keypool.dev/{name}": _text(data) for name in names}
    return {"metadata": {**META, "annotations": notes}, "spec": _object(data), "status": _json(data)}


def _secret(data: bytes) -> Any:
    meta = {**META, "resourceVersion": "1", "labels": _texts(data), "annotations": _texts(data)}
    return {"metadata": meta, "data": _texts(data), "type": "Opaque"}


PARSERS: dict[str, Parser] = {
    "text.error_text": Parser(text.error_text),
    "text.excerpt": Parser(lambda data: text.excerpt(_text(data), [SECRET, SecretStr(_text(data)[:99])])),
    "outcomes.blame": Parser(lambda data: outcomes.blame(401, _text(data), data)),
    "outcomes.parse_retry_after": Parser(lambda data: outcomes.parse_retry_after(_text(data), NOW)),
    "authorities.read": Parser(lambda data: authorities.read(_text(data), NOW), (AuthoritiesUnusable,)),
    "authorities.certificates": Parser(lambda data: authorities.certificates(_text(data)), (AuthoritiesUnusable,)),
    "addresses.kind_of": Parser(lambda data: addresses.kind_of(_text(data)), (ValueError,)),
    "addresses.addressed": Parser(lambda data: addresses.addressed(_text(data)), (ValueError,)),
    "addresses.is_odd_number": Parser(lambda data: addresses.is_odd_number(_text(data))),
    "addresses.can_be_looked_up": Parser(lambda data: addresses.can_be_looked_up(_text(data))),
    "askers.askers": Parser(lambda data: askers.askers({"annotations": _NOTES, "managedFields": _list(data)})),
    "asking.condition": Parser(lambda data: asking.condition(_text(data)), (asking.BadQuestion,)),
    "reading.read": Parser(lambda data: reading.read(_text(data))),
    "asked.read": Parser(lambda data: asked.read(_text(data)[: readings.REQUEST_LIMIT])),
    "asked.remembered": Parser(lambda data: asked.remembered(_text(data)[: readings.REQUEST_LIMIT], "uid")),
    "duration.parse": Parser(lambda data: duration.parse(_text(data)), (ValueError,)),
    "holders.holder_view": Parser(lambda data: holders.holder_view(_object(data))),
    "ledger.load": Parser(lambda data: ledger.load(_text(data)), (ledger.LedgerUnreadable,)),
    "recovery.published_in": Parser(lambda data: recovery.published_in([_texts(data)], "apiKey")),
    "readings.pool_facts": Parser(lambda data: readings.pool_facts(_annotated(data))),
    "readings.claims": Parser(lambda data: readings.claims(_annotated(data))),
    "readings.conditions": Parser(lambda data: readings.conditions(_annotated(data))),
    "provider_object.account": Parser(lambda data: provider_object.account(_annotated(data)), (ValidationError,)),
    "secret_view.secret_view": Parser(lambda data: secret_view.secret_view(_secret(data))),
    "secret_view.digest": Parser(lambda data: secret_view.digest(_text(data))),
    "supply.read_supply": Parser(lambda data: supply.read_supply("keys", _texts(data))),
    "address.parse": Parser(lambda data: address.parse(_text(data)), (ValueError,)),
    "entries.parse": Parser(lambda data: entries.parse("team-a/chat", data), (entries.Malformed,)),
    **{name: Parser(read) for name, read in wire.READERS.items()},
}

NO_PARSERS = {
    "addresses.meant_by": "what kind_of asks",
    "apiserver.call": "hands an answer to sentence",
    "askers.by": "takes what askers.askers gave",
    "askers.misplaced": "takes what askers.askers gave",
    "askers.odd": "takes what askers.askers gave",
    "asking.lives": "takes what reading.read gave",
    "asking.shown": "writes",
    "asked.is_plain": "looks at a token that asked.read gave",
    "asked.is_handled": "compares what asked.remembered gives",
    "asked.shown": "writes",
    "authorities.check_public": "reads the environment, once, at the start",
    "authorities.read_file": "reads the administrator's file, once, at the start",
    "ledger.dump": "writes",
    "ledger.limit_facts": "writes",
    "duration.render": "writes",
    "entries.dump": "writes",
    "entries.moved": "takes what entries.parse gave",
    "outcomes.refusal": "takes what others have read",
    "outcomes.until_midnight": "takes a time",
    "provider_object.subject": "takes names that the API server has checked",
    "readings.claimant": "takes what the API server itself writes",
    "readings.moment": "takes what the API server itself writes",
    "readings.request": "what pool_facts asks",
    "recovery.is_name_of": "takes what others have read",
    "recovery.recovered": "takes what others have read",
    "recovery.unpaired": "takes what others have read",
    "supply.entry_named": "takes what others have read",
}


def wire_models() -> dict[str, type[WireModel]]:
    """All models of providers' answers, by name."""
    for module in pkgutil.iter_modules(keypool.providers.__path__, "keypool.providers."):
        import_module(module.name)
    return {f"{each.__module__.rpartition('.')[2]}.{each.__name__}": each for each in _below(WireModel)}


def _below(model: type[WireModel]) -> Iterator[type[WireModel]]:
    for each in model.__subclasses__():
        if each.__module__.startswith("keypool."):
            yield each
        yield from _below(each)


def _reader(model: type[WireModel]) -> Parser:
    return Parser(lambda data: read(model, Answer(200, data)))


def all_parsers() -> dict[str, Parser]:
    """The table, and the models."""
    return PARSERS | {name: _reader(model) for name, model in wire_models().items()}
