"""What a body tells: the model, a stream, whether any account could answer it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import DIALECTS
from keypool_client.wire.requests import BODY_LIMIT, Asked, asked, may_be_held, model_of, with_model
from keypool_client.wire.urls import Route, route

from .streams import MANY

HEADERS = [("Host", "localhost"), ("api-key", "any")]


def told(target: str, body: Any, method: str = "POST") -> Asked:
    where = route(method, target, DIALECTS, HEADERS)
    assert isinstance(where, Route)
    return asked(method, where, body if body is None or isinstance(body, bytes) else json.dumps(body).encode())


STATELESS: list[tuple[str, dict[str, Any]]] = [
    ("/v1/chat/completions", {"model": "m", "messages": [{"role": "user", "content": 'what is a "file_id": ?'}]}),
    ("/v1/completions", {"model": "m", "prompt": "p"}),
    ("/v1/responses", {"model": "m", "input": "p", "store": False, "background": None, "previous_response_id": None}),
    ("/v1/embeddings", {"model": "m", "input": ["a"]}),
    ("/v1/messages", {"model": "m", "max_tokens": 5, "messages": []}),
    ("/v1/messages/count_tokens", {"model": "m", "messages": []}),
    ("/v1beta/models/m:generateContent", {"contents": []}),
    ("/v1beta/models/m:streamGenerateContent?alt=sse", {"contents": []}),
    ("/openai/deployments/m/chat/completions?api-version=1", {"messages": []}),
    ("/openai/v1/responses", {"model": "m", "input": "p"}),
]


@pytest.mark.parametrize(("target", "body"), STATELESS)
def test_an_inference_call_may_be_repeated_and_answered_by_any_account(target: str, body: dict[str, Any]) -> None:
    assert told(target, body).stateless
    assert told(target, body).model == "m"
    assert not told(target, body, "PUT").stateless


STORED: list[dict[str, Any]] = [
    {"store": True},
    {"background": True},
    {"previous_response_id": "resp_1"},
    {"conversation": "conv_1"},
    {"prompt": {"id": "pmpt_1"}},
    {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]},
    {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]},
]


@pytest.mark.parametrize("field", STORED, ids=str)
def test_what_stores_or_names_something_stored_stays_where_it_is(field: dict[str, Any]) -> None:
    assert not told("/v1/responses", {"model": "m", "input": "p"} | field).stateless


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("/v1/chat/completions", {"model": "m", "store": True}),
        ("/v1/messages", {"model": "m", "container": "c_1"}),
        ("/v1/messages", {"messages": [{"content": [{"source": {"type": "file", "file_id": "file_1"}}]}]}),
        ("/v1beta/models/m:generateContent", {"cachedContent": "cachedContents/1"}),
        (
            "/v1beta/models/m:generateContent",
            {"contents": [{"parts": [{"fileData": {"fileUri": "https://x/files/1"}}]}]},
        ),
        ("/v1beta/models/m:batchGenerateContent", {}),
        ("/v1/images/generations", {"model": "m"}),
        ("/v1/batches", {"input_file_id": "file-1"}),
        ("/v1/files", None),
    ],
)
def test_so_does_it_in_other_dialects_and_calls(target: str, body: Any) -> None:
    assert not told(target, body).stateless


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"store"', b"\xff\xfe", b"[" * 100_000, b'{"n": ' + b"9" * 5000 + b"}", None]
)
def test_a_body_that_cannot_be_read_is_sent_on_and_never_repeated(body: bytes | None) -> None:
    assert told("/v1/chat/completions", body) == Asked()
    assert told("/v1beta/models/m:streamGenerateContent", body) == Asked("m", stream=True)


def test_a_body_above_the_limit_is_not_looked_into() -> None:
    body = json.dumps({"model": "m", "x": "y" * BODY_LIMIT}).encode()
    assert told("/v1/chat/completions", body) == Asked()
    assert with_model(body, "new") == body


@pytest.mark.parametrize(
    ("value", "stream"), [(True, True), (False, False), (None, False), ("true", False), (1, False)]
)
def test_a_stream_is_wanted_where_the_body_says_true(value: Any, stream: bool) -> None:
    assert told("/v1/chat/completions", {"model": "m", "stream": value}).stream is stream


def test_reading_may_be_repeated_and_deleting_may_not() -> None:
    assert told("/v1/models", b"", "GET").repeatable
    assert not told("/v1/files/f_1", b"", "DELETE").repeatable


@pytest.mark.parametrize(
    ("content_type", "length", "held"),
    [
        ("application/json", 5, True),
        ("application/json", None, True),
        ("application/json", BODY_LIMIT, True),
        ("application/json", BODY_LIMIT + 1, False),
        ("", 0, True),
        ("Multipart/Form-Data; boundary=x", 5, False),
        ("application/json", -1, False),
    ],
)
def test_uploads_and_large_bodies_are_not_held(content_type: str, length: int | None, held: bool) -> None:
    assert may_be_held(content_type, length) is held


@pytest.mark.parametrize(
    ("body", "written"),
    [
        (
            b'{"model":"old","x":1e400,"big":123456789012345678901}',
            b'{"model":"new","x":1e400,"big":123456789012345678901}',
        ),
        (b' { "a" : {"model": "kept"} ,\n "model" : "old" } ', b' { "a" : {"model": "kept"} ,\n "model" : "new" } '),
        (b'{"model":"a","model":"old"}', b'{"model":"new","model":"new"}'),
        (b'{"mod\\u0065l":"old"}', b'{"mod\\u0065l":"new"}'),
        (b'{"model":7}', b'{"model":7}'),
        (b'{"x":1}', b'{"x":1}'),
        (b'{"model":"old"', b'{"model":"old"'),
        (b"{}", b"{}"),
        (b"", b""),
    ],
)
def test_a_model_is_renamed_and_all_else_stays_byte_for_byte(body: bytes, written: bytes) -> None:
    assert with_model(body, "new") == written


told_values = st.integers() | st.lists(st.text(max_size=5))
fields = st.dictionaries(st.text(max_size=6) | st.just("model"), told_values, max_size=4)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@MANY
@given(fields, st.text(max_size=8), st.text(max_size=8))
def test_whatever_else_it_holds_a_renamed_body_says_the_same(
    encoding: str, body: dict[str, Any], old: str, new: str
) -> None:
    old = f"m{old}"
    written = json.dumps({**body, "model": old}, indent=1, ensure_ascii=False).encode(encoding)
    assert model_of(written) == old
    assert json.loads(with_model(written, new)) == {**body, "model": new}


@MANY
@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from([b"{", b'"model"', b":", b'"x"', b",", b"}", b" ", b"["])).map(b"".join)
)
def test_no_bytes_are_too_odd_to_be_asked_for_a_model(body: bytes) -> None:
    told("/v1/chat/completions", body)
    if model_of(body) is None:
        assert with_model(body, "new") == body
    else:
        assert model_of(with_model(body, "new")) == "new"
