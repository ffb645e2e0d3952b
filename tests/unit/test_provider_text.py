"""What of a provider's words may be shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from keypool.providers.text import MAX_CHARS, error_text, excerpt

SECRET = "sk-hs-Abc/def+012=xyz"


@pytest.mark.parametrize(
    "told",
    [
        f"bad key {SECRET}!",
        f"bad key {SECRET[:12]}…",
        f"GET /keys/validate?key={'sk-hs-Abc%2Fdef%2B012%3Dxyz'}",
        f"x{SECRET}x{SECRET}",
    ],
)
def test_a_secret_and_any_long_part_of_it_is_hidden(told: str) -> None:
    shown = excerpt(told, [SecretStr(SECRET)])
    assert "[hidden]" in shown
    assert "Abc" not in shown
    assert "def" not in shown


@given(before=st.text(max_size=300), after=st.text(max_size=1200), start=st.integers(0, 8), length=st.integers(8, 21))
def test_no_eight_characters_of_a_secret_survive_wherever_they_stand(
    before: str, after: str, start: int, length: int
) -> None:
    shown = excerpt(before + SECRET[start : start + length] + after, [SecretStr(SECRET)])
    assert not [i for i in range(len(SECRET) - 7) if SECRET[i : i + 8] in shown]


def test_what_looks_like_a_key_is_hidden_although_we_do_not_know_it() -> None:
    assert excerpt("duplicate of sk-somebody-elses-0123456789", []) == "duplicate of [hidden]"


def test_words_and_field_names_are_shown() -> None:
    text = "rate_limit_requests_per_minute: must be at most 3000"
    assert excerpt(text, [SecretStr(SECRET)]) == text


def test_control_characters_and_bidirectional_marks_are_escaped() -> None:
    assert excerpt("a\r\nb\x1b[31m\u202ec", []) == r"a\r\nb\x1b[31m\u202ec"


@given(st.text(max_size=5000))
def test_an_excerpt_is_short_and_printable(text: str) -> None:
    shown = excerpt(text, [])
    assert len(shown) <= MAX_CHARS
    assert shown.isprintable()


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": {"message": "no"}}, "no"),
        ({"error": "no"}, "no"),
        ({"detail": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"detail": [{"loc": ["query", "key"], "msg": "Field required"}]}, "query.key: Field required"),
        ({"detail": []}, ""),
        ({"error": {"message": 5}}, ""),
        (["no"], ""),
        (None, ""),
    ],
)
def test_the_usual_shapes_of_errors_are_read(body: object, text: str) -> None:
    assert error_text(json.dumps(body).encode()) == text


@pytest.mark.parametrize("body", [b"<html>no</html>", b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_says_nothing(body: bytes) -> None:
    assert error_text(body) == ""
