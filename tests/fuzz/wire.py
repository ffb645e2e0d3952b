"""The parsers of the relay: what providers answer, and what applications ask. None of them raises anything."""

from collections.abc import Callable, Iterator

from keypool_client.model import DIALECTS, Dialect, Endpoint, Key
from keypool_client.relay import apiserver
from keypool_client.wire import calls, headers, requests, urls, whole
from keypool_client.wire.ending import Ending
from keypool_client.wire.opening import Opening
from keypool_client.wire.sse import Splitter

MODULES = (apiserver, calls, headers, requests, urls, whole)
ENDPOINT = Endpoint("0", dict.fromkeys(DIALECTS, "https://provider.example/v1"))
KEY = Key("chat-0-ab12", "sk-fuzz", ("0",), "chat-0-ab12", "chat-0-ab12")
ASKED = [("Host", "localhost"), ("api-key", "x")]
TYPES = ("application/json", "text/html", "")

Read = Callable[[bytes], object]


def _text(data: bytes) -> str:
    return data.decode("latin-1")


def _pieces(data: bytes) -> Iterator[bytes]:
    """Cut by what stands in it, so that a fuzzer finds the cuts as well."""
    size = 1 + (data[0] % 61 if data else 0)
    return (data[at : at + size] for at in range(0, min(len(data), 64 * size), size))


def _pairs(data: bytes) -> list[tuple[str, str]]:
    lines = (line.partition(":") for line in _text(data).split("\n"))
    return [(name, value) for name, _, value in lines]


def _request(data: bytes) -> urls.Route | None:
    method, _, rest = data.partition(b" ")
    target, _, given = rest.partition(b"\n")
    where = urls.route(
        _text(method), _text(target), DIALECTS, [("Host", "localhost"), ("api-key", "x"), *_pairs(given)]
    )
    if not isinstance(where, urls.Route):
        where = urls.route("POST", f"/{_text(data)}", DIALECTS, ASKED)
    if not isinstance(where, urls.Route):
        return None
    urls.url(where.with_model(_text(data)), ENDPOINT)
    return where


def _asked(data: bytes) -> object:
    where = urls.route("POST", "/v1/responses", DIALECTS, ASKED)
    return requests.asked("POST", where, data) if isinstance(where, urls.Route) else None


def _opening(dialect: Dialect) -> Read:
    def read(data: bytes) -> object:
        opening = Opening(dialect)
        return [opening.feed(piece) for piece in _pieces(data)], opening.end()

    return read


def _ending(dialect: Dialect) -> Read:
    def read(data: bytes) -> object:
        ending = Ending(dialect)
        return [ending.feed(piece) for piece in _pieces(data)], ending.close(whole=len(data) % 2 == 0)

    return read


def _split(data: bytes) -> object:
    splitter = Splitter(limit=1000)
    return [splitter.feed(piece) for piece in _pieces(data)]


READERS: dict[str, Read] = {
    "apiserver.sentence": apiserver.sentence,
    "calls.is_gemini": lambda data: calls.is_gemini(_text(data)),
    "calls.call_of": lambda data: [calls.call_of("POST", dialect, _text(data)) for dialect in DIALECTS],
    "headers.outgoing": lambda data: [headers.outgoing(_pairs(data), dialect, KEY) for dialect in DIALECTS],
    "headers.upgrade": lambda data: headers.upgrade(_pairs(data), KEY),
    "headers.returned": lambda data: headers.returned(_pairs(data)),
    "headers.plain": lambda data: headers.plain(_text(data)),
    "headers.credential": lambda data: headers.credential("anthropic", KEY, [("anthropic-version", _text(data))]),
    "requests.may_be_held": lambda data: requests.may_be_held(_text(data), len(data)),
    "requests.asked": _asked,
    "requests.model_of": requests.model_of,
    "requests.with_model": lambda data: requests.with_model(data, "new"),
    "urls.route": _request,
    "urls.url": _request,
    "whole.kind_of": lambda data: whole.kind_of(_text(data)),
    "whole.beginning": lambda data: whole.beginning(data, "gzip"),
    "whole.room": lambda data: whole.room(data, _text(data)),
    "whole.flaw_in": lambda data: [whole.flaw_in(each, data, due=True) for each in TYPES],
    "sse.Splitter": _split,
    **{f"opening.{dialect}": _opening(dialect) for dialect in DIALECTS},
    **{f"ending.{dialect}": _ending(dialect) for dialect in DIALECTS},
}
