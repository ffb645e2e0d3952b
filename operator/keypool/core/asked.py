"""What people ask for by annotation, read without ever repeating it: in an emergency they paste the leaked key itself.

What is remembered, shown or compared of a request goes through here. Of a text that is no known name only its place and
length are told; its digest is never shown, since a short text can be guessed from it. Purely computational.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import SecretStr

LONGEST, MOST = 4096, 100
"""Characters of a request that are read, and its entries. What is beyond them is told, not taken."""
ALL = ("all", "*")
NOW = re.compile(r"!\s*now\s*@(?P<token>.*)\Z", re.DOTALL | re.IGNORECASE)
"""The end of a request that is to be carried out without a successor."""
_QUOTES = " \t\r\n\"'`<>()[]{}\u2018\u2019\u201c\u201d\u201e"
_PLAIN = re.compile(r"[A-Za-z0-9._:+-]{1,15}|\d{4}-\d\d-\d\d[T ]?[0-9:.+Z-]{0,21}")
_PREFIX = re.compile(r"\A(authorization\s*:\s*)?(bearer|basic|sha-?256)[\s:=]+", re.IGNORECASE)
_REMEMBERED = re.compile(r"(\d+ characters) #[0-9a-f]{32}")


class Named(Protocol):
    """A key, as far as requests name it."""

    @property
    def name(self) -> str: ...

    @property
    def value(self) -> SecretStr | None: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A request's entries, each in all the forms that it may be meant in, and their digests. `everything`: it says
    all@TOKEN. `at_once`: it ends in !now@TOKEN. `cut`: it is longer than what is read."""

    entries: tuple[frozenset[str], ...] = field(repr=False)
    lengths: tuple[int, ...]
    everything: bool
    at_once: bool
    cut: bool

    def names(self, key: Named) -> bool:
        """Whether the key is asked for: by name, fingerprint, digest or value, or with all others."""
        return self.everything or self.spells(key)

    def spells(self, key: Named) -> bool:
        """Whether one of the entries is this key's."""
        known = _known_as(key)
        return any(not known.isdisjoint(forms) for forms in self.entries)

    def holds_value_of(self, key: Named) -> bool:
        """Whether the key's value itself stands in the request."""
        value = key.value.get_secret_value() if key.value is not None else None
        return value is not None and any(value in forms for forms in self.entries)

    def unknown(self, keys: Iterable[Named]) -> tuple[str, ...]:
        """Of each entry that is none of these keys' where it stands and how long it is; nothing of what it says."""
        known = frozenset[str]().union(*(_known_as(key) for key in keys))
        found = [
            "all has no token: write all@TOKEN, with a word not used before"
            if not forms.isdisjoint(ALL)
            else f"entry {number}, {length} characters"
            for number, (forms, length) in enumerate(zip(self.entries, self.lengths, strict=True), start=1)
            if known.isdisjoint(forms)
        ]
        more = [f"{len(found) - 5} more entries"] if len(found) > 5 else []
        cut = [f"all beyond {MOST} entries or {LONGEST} characters, which is not read"] if self.cut else []
        return (*found[:5], *more, *cut)


def read(request: str) -> Asked:
    """Reads names, fingerprints, digests or values, by comma or line; all@TOKEN; and !now@TOKEN at the end."""
    text, cut = request[:LONGEST], len(request) > LONGEST
    ending = NOW.search(text)
    body = text[: ending.start()] if ending is not None else text
    parts = [part for part in re.split(r"[,;\n]", body) if part.strip(_QUOTES)]
    by_name = [part for part in parts[:MOST] if not _means_all(part)]
    everything = len(by_name) < len(parts[:MOST]) or (ending is not None and any(_bare(part) in ALL for part in parts))
    entries = [part for part in by_name if not (everything and _bare(part) in ALL)]
    return Asked(
        entries=tuple(frozenset(_digested(_forms(part))) for part in entries),
        lengths=tuple(len(part.strip()) for part in entries),
        everything=everything,
        at_once=ending is not None and bool((ending["token"]).strip(_QUOTES)),
        cut=cut or len(parts) > MOST,
    )


def _bare(part: str) -> str:
    return part.strip(_QUOTES).lower()


def _means_all(part: str) -> bool:
    head, at, token = _bare(part).partition("@")
    return head.strip() in ALL and bool(at) and bool(token.strip())


def _forms(part: str) -> set[str]:
    """The text without quotes, `Bearer ` and the like; its words; what stands after a = or : and before an @."""
    whole = part.strip(_QUOTES)
    pieces = {whole, _PREFIX.sub("", whole), whole.rpartition("@")[0], *whole.split()}
    pieces |= {_PREFIX.sub("", piece) for piece in pieces}
    pieces |= {piece.partition(mark)[2] for piece in pieces for mark in "=:"}
    bare = {piece.strip(_QUOTES) for piece in pieces}
    texts = bare | {text for piece in bare if (text := _decoded(piece)) is not None}
    return {text for text in texts if text} | {text.lower() for text in texts if text}


def _decoded(text: str) -> str | None:
    """As `kubectl get secret -o yaml` shows a value."""
    try:
        return base64.b64decode(text, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return None


def _known_as(key: Named) -> frozenset[str]:
    """What an entry may say to mean this key: its name, and its value's digest or the beginning that is shown of it."""
    if key.value is None:
        return frozenset({key.name})
    value = key.value.get_secret_value()
    digest = _sha256(value)
    return frozenset({key.name, digest, digest[:12], _sha256(value.lower())})


def _digested(forms: set[str]) -> set[str]:
    """Values are compared by digest alone."""
    return {*forms, *map(_sha256, forms)}


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def is_plain(token: str) -> bool:
    """Whether a token may be repeated: fewer than 16 plain characters, or a date and time. A key is longer."""
    return _PLAIN.fullmatch(token) is not None


def remembered(request: str, pool_uid: str, keys: Iterable[Named] | None = None) -> str:
    """What stands for a request once it is handled: the text where it is a plain token or, where `keys` are given, only
    names them; else its length and a digest that is the pool's own, for the ledger alone."""
    if keys is None:
        return request if is_plain(request) else _concealed(request, pool_uid)
    known = {text for key in keys for text in (key.name, *_prints(key))} | {*ALL}
    ending = NOW.search(request)
    body, token = (request[: ending.start()], ending["token"]) if ending is not None else (request, "")
    plain = (not token or is_plain(token)) and all(_is_known(part, known) for part in body.split(","))
    return request if plain else _concealed(request, pool_uid)


def _is_known(part: str, known: set[str]) -> bool:
    head, _, token = part.strip().partition("@")
    return head in known and (not token or is_plain(token))


def _prints(key: Named) -> tuple[str, ...]:
    return (_sha256(key.value.get_secret_value())[:12],) if key.value is not None else ()


def _concealed(request: str, pool_uid: str) -> str:
    digest = hashlib.sha256(f"{pool_uid}\0{request}".encode(errors="replace")).hexdigest()[:32]
    return f"{len(request)} characters #{digest}"


def is_handled(request: str, handled: str | None, pool_uid: str) -> bool:
    """Whether this is the request that was `remembered`."""
    return handled is not None and handled in (request, _concealed(request, pool_uid))


def shown(handled: str | None) -> str | None:
    """What is shown of a handled request."""
    concealed = _REMEMBERED.fullmatch(handled) if handled is not None else None
    return concealed[1] if concealed is not None else handled
