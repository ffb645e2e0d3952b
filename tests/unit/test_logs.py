"""Logs are one JSON object per line, and hold nothing that a library printed of an object."""

import io
import json
import logging
from collections.abc import Iterator

import pytest

from keypool.cluster.errors import NotFound
from keypool.serve.logs import configure, describe, is_news, without_bodies

CANARY = "canary-c0ffee"


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """Where the process logs to during the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure("info", stream)
    yield stream
    root.handlers[:], root.level = handlers, level
    logging.getLogger("keypool").setLevel(logging.NOTSET)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    """The lines logged so far."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_extra_fields_stand_beside_the_message(stream: io.StringIO) -> None:
    logging.getLogger("keypool.x").info("rotated", extra={"pool": "ns/p", "keys": 2, "why": None})
    (line,) = lines(stream)
    assert line["message"] == "rotated"
    assert (line["pool"], line["keys"], line["why"]) == ("ns/p", 2, None)
    assert str(line["time"]).endswith("+00:00")


def test_a_line_break_forges_no_line(stream: io.StringIO) -> None:
    logging.getLogger("keypool.x").info("a\n{}\x1b[31m", extra={"pool": "b\r\nc"})
    assert len(lines(stream)) == 1
    assert "\x1b" not in stream.getvalue()


def test_an_exception_of_a_library_is_told_by_type_and_place_only(stream: io.StringIO) -> None:
    try:
        json.loads(CANARY)
    except ValueError:
        logging.getLogger("kopf.x").exception(f"failed: {{'data': '{CANARY}'}}")
    (line,) = lines(stream)
    assert CANARY not in stream.getvalue()
    assert str(line["error"]).startswith("json.decoder.JSONDecodeError at ")
    assert line["message"] == "failed"


def test_our_own_errors_keep_their_message() -> None:
    assert describe(NotFound("get /x", 404, "NotFound")) == "NotFound: get /x: 404 NotFound"


@pytest.mark.parametrize(
    "message",
    [
        f"Ignoring an unsupported event type: {{'type': 'X', 'object': '{CANARY}'}}",
        f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{CANARY}')>",
        f"Unclosed session exception=ValueError('{CANARY}')",
        f"bad bytes b'{CANARY}'",
    ],
)
def test_reprs_in_the_words_of_libraries_are_cut_off(message: str) -> None:
    assert CANARY not in without_bodies(message)
    assert without_bodies(message)


def test_libraries_are_heard_from_warnings_on(stream: io.StringIO) -> None:
    logging.getLogger("kopf.objects").info("x")
    logging.getLogger("keypool.x").debug("y")
    assert lines(stream) == []


def test_a_session_that_was_closed_on_purpose_is_not_told_as_an_error(stream: io.StringIO) -> None:
    """SIGTERM while Kopf looks for the kinds: its request fails because the process ends."""
    kopf = logging.getLogger("kopf.x")
    request = "GET https://127.0.0.1:6443/apis"
    kopf.error(f"Request attempt #1 failed; will retry: {request} -> ClientConnectionError('Connector is closed.')")
    kopf.error(f"Request attempt #2 failed; TCP closed; will re-authenticate: {request}")
    kopf.error(f"Request attempt #1 failed; will retry: {request} -> ClientConnectionError('refused')")
    (line,) = lines(stream)
    assert "refused" in str(line["message"])


def test_only_the_first_attempt_of_many_at_one_request_is_news() -> None:
    """A namespace that is refused is asked for every ten seconds, as long as it takes."""
    said = "Request attempt #{} failed; will retry: GET https://127.0.0.1/api -> APIForbiddenError()"
    texts = [said.format(number) for number in (1, 2, 10)]
    records = [logging.LogRecord("kopf._cogs.clients.api", logging.ERROR, "", 0, text, (), None) for text in texts]
    assert [is_news(record) for record in records] == [True, False, False]
