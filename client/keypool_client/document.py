"""Reads one `keys.json`, strictly: bytes in, a `Pool` or a sentence out. `keys.schema.json` describes the same form.

Everything is bounded. Unknown fields are passed over, because a newer operator may write more; a newer version is not.
"""

import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn
from urllib.parse import urlsplit

from keypool_client.model import DIALECTS, Dialect, Endpoint, Key, Pool

VERSION = 1
MOST_BYTES = 1024 * 1024
"""A Secret cannot be larger."""
MOST_KEYS, MOST_ENDPOINTS, MOST_CERTIFICATES = 1000, 32, 50

_SLUG = "[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
_URL = re.compile(r"https?://([A-Za-z0-9][-A-Za-z0-9.]*|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[-A-Za-z0-9._~%/:@+,=]*)?")
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


class Unusable(ValueError):
    """The file cannot be used: the text says what is wrong, where, and what would be right. It never shows a value."""


class Newer(Unusable):
    """The file has a newer version than this library reads."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What a text must look like, as a pattern and in words."""

    pattern: re.Pattern[str]
    most: int
    words: str


def _form(pattern: str, most: int, words: str) -> _Form:
    return _Form(re.compile(pattern), most, words)


_POOL = _form(f"{_SLUG}/{_SLUG}", 317, "NAMESPACE/NAME of the pool")
_KIND = _form(r"[A-Za-z][A-Za-z0-9]*", 63, "a kind of provider such as holySheep, of letters and digits")
_NAME = _form(_SLUG, 253, "a name of letters, digits and . _ -, with a letter or digit at either end")
_VALUE = _form(r"[!-~]+", 8192, "visible ASCII characters without a space, as a header can carry them")


@dataclass(frozen=True, slots=True)
class _Node:
    """A value in the file, and where it stands."""

    found: object
    where: str = "the file"

    def refuse(self, right: str) -> NoReturn:
        raise Unusable(f"{self.where}: {right}")

    def at(self, name: str) -> "_Node":
        """A field that must be there."""
        fields, here = self.fields(), name if self.where == "the file" else f"{self.where}.{name}"
        if name not in fields:
            raise Unusable(f"{here}: is missing")
        return _Node(fields[name], here)

    def fields(self) -> Mapping[str, object]:
        if not isinstance(self.found, dict):
            self.refuse("must be an object, as in {…}")
        return self.found

    def items(self, least: int, most: int) -> "tuple[_Node, ...]":
        if not isinstance(self.found, list) or not least <= len(self.found) <= most:
            number = f", not {len(self.found)}" if isinstance(self.found, list) else ""
            self.refuse(f"must be a list of {least} to {most} entries{number}")
        return tuple(_Node(each, f"{self.where}[{index}]") for index, each in enumerate(self.found))

    def text(self, form: _Form) -> str:
        text = self.found
        if not isinstance(text, str) or not 1 <= len(text) <= form.most or not form.pattern.fullmatch(text):
            self.refuse(f"must be {form.words} (1 to {form.most} characters)")
        return text


def parse(raw: bytes) -> Pool:
    """What a `keys.json` says. Raises Unusable."""
    file = _Node(_json(raw))
    _check_version(file.at("version"))
    dialects = _dialects(file.at("dialects"))
    endpoints = tuple(_endpoint(node, dialects) for node in file.at("endpoints").items(1, MOST_ENDPOINTS))
    names = _once(file.at("endpoints"), "name", [endpoint.name for endpoint in endpoints])
    for dialect in dialects:
        if not any(dialect in endpoint.bases for endpoint in endpoints):
            file.at("dialects").refuse(f"no endpoint has a base URL for {dialect}: add one, or leave the dialect out")
    keys = tuple(_key(node, names) for node in file.at("keys").items(0, MOST_KEYS))
    _once(file.at("keys"), "id", [key.id for key in keys])
    return Pool(
        name=file.at("pool").text(_POOL),
        provider=file.at("provider").text(_KIND),
        account=file.at("account").text(_NAME),
        dialects=dialects,
        endpoints=endpoints,
        keys=keys,
    )


def _json(raw: bytes) -> object:
    if len(raw) > MOST_BYTES:
        raise Unusable(f"the file: is larger than {MOST_BYTES} bytes")
    if not raw.strip():
        raise Unusable("the file: is empty; it is written by keypool's operator, and must be JSON")
    try:
        return json.loads(raw.decode(), object_pairs_hook=_object, parse_constant=_no_number)
    except Unusable:
        raise
    except json.JSONDecodeError as error:  # it holds the whole text
        place = f"line {error.lineno}, column {error.colno}"
    except (ValueError, RecursionError):  # no UTF-8, a number of thousands of digits, or lists in lists in lists
        place = "it has to be UTF-8, with numbers and depth of usual size"
    raise Unusable(f"the file: is no JSON ({place}): perhaps it is cut off")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise Unusable("the file: a field is given twice in one object; give each once")
    return fields


def _no_number(_: str) -> NoReturn:
    raise Unusable("the file: is no JSON (NaN and Infinity are no numbers)")


def _check_version(node: _Node) -> None:
    found = node.found
    if type(found) is not int or found < 1:  # True is an int, too
        node.refuse(f"must be the number {VERSION}")
    if found > VERSION:
        raise Newer(f"{node.where}: must be {VERSION}; the file is newer, so take a newer keypool-client")


def _dialects(node: _Node) -> tuple[Dialect, ...]:
    given = [item.found for item in node.items(1, 16)]
    known = tuple(dict.fromkeys(dialect for each in given for dialect in DIALECTS if dialect == each))
    if not known:
        node.refuse(f"must name at least one of {', '.join(DIALECTS)}")
    return known


def _endpoint(node: _Node, dialects: tuple[Dialect, ...]) -> Endpoint:
    bases = node.at("bases")
    known = {dialect: _base(bases.at(dialect)) for dialect in dialects if dialect in bases.fields()}
    if not known:
        bases.refuse(f"must have a base URL for at least one of the pool's dialects ({', '.join(dialects)})")
    return Endpoint(node.at("name").text(_NAME), known, _authority(node))


def _base(node: _Node) -> str:
    text = node.found
    if not isinstance(text, str) or len(text) > 2048 or not _URL.fullmatch(text) or not _is_plain(text):
        node.refuse(
            "must be a URL such as https://api.example.com/v1, at most 2048 characters, without credentials, query, "
            "fragment, .. or a slash at its end"
        )
    return text


def _is_plain(url: str) -> bool:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    segments = parts.path.split("/")
    return port != 0 and not parts.path.endswith("/") and not {".", ".."}.intersection(segments)


def _authority(node: _Node) -> str | None:
    if node.fields().get("ca") is None:
        return None
    authority = node.at("ca")
    pem = authority.found
    if not isinstance(pem, str):
        authority.refuse("must be certificates in PEM, as text")
    if problem := _wrong_with(pem):
        authority.refuse(problem)
    return pem


@lru_cache(maxsize=64)
def _wrong_with(pem: str) -> str:
    """ "" where nothing is."""
    if "PRIVATE KEY-----" in pem:
        return "holds a private key: it must be certificates alone; replace that key, because it can be read here"
    if not 1 <= pem.count(_BEGIN) <= MOST_CERTIFICATES or pem.count(_BEGIN) != pem.count(_END):
        return f"must be 1 to {MOST_CERTIFICATES} whole certificates in PEM, which begin with {_BEGIN}"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=pem)
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: what is not ASCII
        return "must be certificates in PEM; a certificate in it cannot be read"
    return ""


def _key(node: _Node, endpoints: frozenset[str]) -> Key:
    valid_at = [item.text(_NAME) for item in node.at("endpoints").items(1, MOST_ENDPOINTS)]
    if not endpoints.issuperset(valid_at):
        node.at("endpoints").refuse("names an endpoint that is not in the file's endpoints")
    return Key(
        id=node.at("id").text(_NAME),
        value=node.at("value").text(_VALUE),
        endpoints=tuple(dict.fromkeys(valid_at)),
        rate_group=node.at("rateGroup").text(_NAME),
        credit_group=node.at("creditGroup").text(_NAME),
    )


def _once(node: _Node, field: str, names: list[str]) -> frozenset[str]:
    if len(set(names)) != len(names):
        twice = next(index for index, name in enumerate(names) if name in names[:index])
        raise Unusable(f"{node.where}[{twice}].{field}: is given twice; it must be unique in the file")
    return frozenset(names)
