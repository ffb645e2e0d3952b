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

from keypool.core.fingerprint import SHOWN, fingerprint

LONGEST, MOST = 4096, 100
"""Characters of a request that are read, and its entries. What is beyond them is told, not taken."""
ALL = ("all", "*")
NOW = re.compile(r"!\s*now\s*(?:@\s*(?P<token>.*))?\Z", re.DOTALL | re.IGNORECASE)
"""The end of an entry that is to be carried out without a successor, and all before it; it needs a token."""
_UNSEEN = "\u00a0\u200b\u200c\u200d\u2060\ufeff"
_QUOTES = " \t\r\n\"'`<>()[]{}\u2018\u2019\u201a\u201c\u201d\u201e\u00ab\u00bb" + _UNSEEN
_FULL_STOPS = ".:!?\u2026"
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
    """A request's entries, each in all the forms that it may be meant in, and their digests; `whole` likewise, for a
    value that has a comma in it or was wrapped. `everything`: it says all@TOKEN. `at_once`: it ends in !now@TOKEN, and
    so many of its entries stand before that; `all_at_once`: all@TOKEN does. `cut`: it is longer than what is read."""

    entries: tuple[frozenset[str], ...] = field(repr=False)
    lengths: tuple[int, ...]
    whole: frozenset[str] = field(repr=False)
    everything: bool
    at_once: bool
    before_now: int
    all_at_once: bool
    cut: bool

    def names(self, key: Named) -> bool:
        """Whether the key is asked for: by name, fingerprint, digest or value, or with all others."""
        return self.everything or self.spells(key)

    def spells(self, key: Named) -> bool:
        """Whether one of the entries is this key's."""
        return self._among(self.entries, _known_as(key))

    def names_at_once(self, key: Named) -> bool:
        """Whether the key is asked for without a successor: entries after !now@TOKEN are not."""
        return self.at_once and (self.all_at_once or self._among(self.entries[: self.before_now], _known_as(key)))

    def _among(self, entries: tuple[frozenset[str], ...], known: frozenset[str]) -> bool:
        return any(not known.isdisjoint(forms) for forms in (*entries, self.whole))

    def holds_value_of(self, key: Named) -> bool:
        """Whether the key's value itself stands in the request."""
        value = key.value.get_secret_value() if key.value is not None else None
        return value is not None and any(value in forms for forms in (*self.entries, self.whole))

    def unknown(self, keys: Iterable[Named]) -> tuple[str, ...]:
        """Of each entry that is none of these keys' where it stands and how long it is; nothing of what it says."""
        known = frozenset[str]().union(*(_known_as(key) for key in keys))
        entries = zip(self.entries, self.lengths, strict=True) if known.isdisjoint(self.whole) else ()
        found = [
            "all has no token: write all@TOKEN, with a word not used before"
            if not forms.isdisjoint(ALL)
            else f"entry {number}, {length} characters"
            for number, (forms, length) in enumerate(entries, start=1)
            if known.isdisjoint(forms)
        ]
        more = [f"{len(found) - 5} more entries"] if len(found) > 5 else []
        cut = [f"all beyond {MOST} entries or {LONGEST} characters, which is not read"] if self.cut else []
        return (*found[:5], *more, *cut)


def read(request: str) -> Asked:
    """Reads names, fingerprints, digests or values, by comma or line; all@TOKEN; and !now@TOKEN after any of them."""
    text = request[:LONGEST]
    parts = [part for part in re.split(r"[,;\n]", text) if part.strip(_QUOTES)]
    bodies = [(body, now) for body, now in map(_without_now, parts[:MOST]) if now or body.strip(_QUOTES)]
    last = max((place for place, (_, now) in enumerate(bodies, start=1) if now), default=0)
    alls = [
        place for place, (body, _) in enumerate(bodies) if _means_all(body) or (place < last and _bare(body) in ALL)
    ]
    entries = [(place, body) for place, (body, _) in enumerate(bodies) if place not in alls and body.strip(_QUOTES)]
    return Asked(
        entries=tuple(frozenset(_digested(_forms(body))) for _, body in entries),
        lengths=tuple(len(body.strip()) for _, body in entries),
        whole=frozenset(_digested(_unbroken(_without_now(text)[0]))),
        everything=bool(alls),
        at_once=last > 0,
        before_now=sum(place < last for place, _ in entries),
        all_at_once=any(place < last for place in alls),
        cut=len(request) > LONGEST or len(parts) > MOST,
    )


def _without_now(text: str) -> tuple[str, bool]:
    """What stands before !now, and whether that has its token."""
    ending = NOW.search(text)
    return (
        (text[: ending.start()], bool((ending["token"] or "").strip(_QUOTES))) if ending is not None else (text, False)
    )


def _bare(part: str) -> str:
    return part.strip(_QUOTES).lower()


def _means_all(part: str) -> bool:
    head, at, token = _bare(part).partition("@")
    return head.strip() in ALL and bool(at) and bool(token.strip())


def _forms(part: str) -> set[str]:
    """The text without quotes, `Bearer ` and the like; its words; what stands after a = or : and before an @."""
    whole = part.strip(_QUOTES)
    pieces = {whole, _PREFIX.sub("", whole), whole.rpartition("@")[0], *re.split(r"[\s=&?|]+", whole)}
    pieces |= {_PREFIX.sub("", piece) for piece in pieces}
    pieces |= {piece.partition(mark)[2] for piece in pieces for mark in "=:"}
    return _written(pieces)


def _unbroken(text: str) -> set[str]:
    """A value that has a comma in it; one that was wrapped, or has signs in it that nobody sees."""
    joined = "".join(character for character in text if not character.isspace() and character not in _UNSEEN)
    pieces = {text, joined}
    return _written(pieces | {_PREFIX.sub("", piece.strip(_QUOTES)) for piece in pieces})


def _written(pieces: set[str]) -> set[str]:
    """Each without quotes and the full stop of a sentence, as `kubectl` shows values, and in small letters."""
    bare = {piece.strip(_QUOTES) for piece in pieces}
    bare |= {piece.rstrip(_FULL_STOPS) for piece in bare}
    texts = bare | {text for piece in bare if (text := _decoded(piece)) is not None}
    return {text for text in texts if text} | {text.lower() for text in texts if text}


def _decoded(text: str) -> str | None:
    """As `kubectl get secret -o yaml` shows a value."""
    try:
        return base64.b64decode(text, validate=True).decode("ascii").strip()
    except (binascii.Error, ValueError):
        return None


def _known_as(key: Named) -> frozenset[str]:
    """What an entry may say to mean this key: its name, and its value's digest or a beginning of it that is as long as
    what is shown."""
    if key.value is None:
        return frozenset({key.name})
    value = key.value.get_secret_value()
    digest = _sha256(value)
    beginnings = (digest[:length] for length in range(SHOWN, len(digest) + 1))
    return frozenset({key.name, _sha256(value.lower()), *beginnings})


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
    return request if all(_is_known(part, known) for part in request.split(",")) else _concealed(request, pool_uid)


def _is_known(part: str, known: set[str]) -> bool:
    """A known name or nothing, a plain token or none, and the same after !now."""
    ending = NOW.search(part)
    head, _, token = part[: ending.start() if ending is not None else None].strip().partition("@")
    tokens = (token, (ending["token"] or "") if ending is not None else "")
    return (not head or head in known) and all(not each or is_plain(each) for each in tokens)


def _prints(key: Named) -> tuple[str, ...]:
    return (fingerprint(key.value),) if key.value is not None else ()


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
