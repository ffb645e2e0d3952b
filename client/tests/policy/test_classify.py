"""What each recorded answer means, and that no answer, however odd, stops the relay."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import DIALECTS, Dialect
from keypool_client.policy.classify import classify
from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.retry_after import LONGEST_SECONDS
from keypool_client.policy.rows import ROWS

BODIES = sorted((Path(__file__).parents[1] / "bodies").glob("*.json"))
NOW = 1_795_948_800.0
"""Sun, 29 Nov 2026 10:40:00 GMT."""


@pytest.mark.parametrize("path", BODIES, ids=lambda path: path.stem)
def test_a_recorded_answer_is_understood(path: Path) -> None:
    told = json.loads(path.read_text())
    verdict = classify(told["dialect"], told["kind"], told["status"], told["headers"], told["body"].encode())
    assert (verdict.failure, verdict.row) == (told["failure"], told["row"])
    assert verdict.retry_after == told.get("retry_after")


def test_every_row_has_a_name_of_its_own_and_says_where_it_comes_from() -> None:
    assert len({row.id for row in ROWS}) == len(ROWS)
    origins = ("recorded from ", "from documentation: ", "from issues: ", "from an issue: ", "from source: ")
    assert [row.id for row in ROWS if not row.source.startswith(origins)] == ["no-status"]
    assert all(word == word.lower() for row in ROWS for word in row.words)


def test_a_row_that_was_recorded_has_its_body_here() -> None:
    seen = {json.loads(path.read_text())["row"] for path in BODIES}
    assert [row.id for row in ROWS if row.source.startswith("recorded") and row.id not in seen] == []


@pytest.mark.parametrize("kind", ["static", "webhook", "openAI", "somethingNew"])
@pytest.mark.parametrize("body", [b"", b"<html>", b'{"error": {"message": "Nope"}}', b'"no"', b"[]", b"null"])
def test_a_401_that_no_row_knows_is_unknown(kind: str, body: bytes) -> None:
    assert all(classify(dialect, kind, 401, {}, body).failure is FailureClass.UNKNOWN for dialect in DIALECTS)


@pytest.mark.parametrize(
    ("dialect", "event", "expected"),
    [
        ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, "transient"),
        ("anthropic", {"type": "error", "error": {"type": "rate_limit_error", "message": "Slow"}}, "rate_limited"),
        ("openai", {"error": {"message": "oops", "type": "server_error", "code": None}}, "transient"),
        ("openai", {"error": {"message": "slow", "code": 429}}, "rate_limited"),
        ("openai", {"error": {"message": "provider", "code": 502}}, "transient"),
        ("openai", {"error": {"message": "no", "code": 400}}, "caller"),
        ("gemini", {"error": {"code": 503, "status": "UNAVAILABLE", "message": "later"}}, "transient"),
        ("openai", {"error": "something else"}, "transient"),
    ],
)
def test_an_error_within_a_stream_is_classified_by_its_body(
    dialect: Dialect, event: dict[str, object], expected: str
) -> None:
    assert classify(dialect, "static", 200, {}, json.dumps(event).encode()).failure == expected


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after-ms": "1500", "retry-after": "60"}, 1.5),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 2.5 "}, 2.5),
        ({"retry-after": "Sun, 29 Nov 2026 10:40:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 29 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Sun, 29 Nov 2099 10:00:00 GMT"}, LONGEST_SECONDS),
        ({"retry-after": "9" * 15}, LONGEST_SECONDS),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "٣"}, None),
        ({"retry-after-ms": "nonsense", "retry-after": "3"}, 3.0),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-11-29T10:40:12Z",
                "anthropic-ratelimit-tokens-remaining": "100",
                "anthropic-ratelimit-tokens-reset": "2026-11-29T10:41:00Z",
            },
            12.0,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "1h2m3s"}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"}, LONGEST_SECONDS),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "whenever"}, None),
    ],
)
def test_when_to_ask_again_is_read_from_what_providers_send(headers: dict[str, str], seconds: float | None) -> None:
    found = classify("openai", "static", 429, headers, b"", now=NOW).retry_after
    assert found == (None if seconds is None else pytest.approx(seconds))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "type", "status", "message", "details", "reason", "metadata", "detail"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(
    dialect=st.sampled_from(DIALECTS),
    kind=st.sampled_from(["holySheep", "anyLLM", "liteLLM", "openRouter", "static"]),
    status=st.sampled_from([200, 400, 401, 402, 403, 404, 422, 429, 500, 503, 529, 599]),
    body=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()),
    header=st.text(max_size=40),
)
def test_no_answer_is_too_odd_to_be_classified(
    dialect: Dialect, kind: str, status: int, body: bytes, header: str
) -> None:
    headers = {"retry-after": header, "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": header}
    verdict = classify(dialect, kind, status, headers, body, now=NOW)
    assert verdict.retry_after is None or 0 <= verdict.retry_after <= LONGEST_SECONDS


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"error":' * 7000, b"9" * 60_000, b"{" + b" " * 10_000_000])
def test_a_body_that_is_made_to_hurt_is_read_as_nothing(body: bytes) -> None:
    assert classify("openai", "static", 500, {}, body).failure is FailureClass.TRANSIENT
