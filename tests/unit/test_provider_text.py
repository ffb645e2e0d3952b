"""What of a provider's words may be shown."""

import json
import time
from base64 import b64encode

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


WRITTEN = {
    "with spaces": " ".join(SECRET),
    "with line breaks": "\r\n".join(SECRET),
    "split over two lines": f"{SECRET[:9]}\n{SECRET[9:]}",
    "with zero-width characters": "\u200b".join(SECRET),
    "with soft hyphens": "\u00ad".join(SECRET),
    "with dashes": "-".join(SECRET),
    "with dots and commas": ".,".join(SECRET),
    "in capitals": SECRET.upper(),
    "in small letters": SECRET.lower(),
    "in wide letters": "".join(chr(ord(char) + 0xFEE0) for char in SECRET),
    "percent-encoded": "".join(f"%{ord(char):02x}" for char in SECRET),
    "escaped as JSON": "".join(f"\\u{ord(char):04x}" for char in SECRET),
    "escaped as bytes": "".join(f"\\x{ord(char):02X}" for char in SECRET),
    "escaped as HTML": "".join(f"&#{ord(char)};" for char in SECRET),
    "in base64": b64encode(SECRET.encode()).decode(),
    "in base64, from the second byte on": b64encode(SECRET[1:].encode()).decode(),
    "in base64 with spaces": " ".join(b64encode(SECRET.encode()).decode()),
    "in hexadecimal": SECRET.encode().hex(":"),
    "backwards": SECRET[::-1],
    "a part with spaces": " ".join(SECRET[3:13]),
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_a_secret_is_hidden_however_it_is_written(written: str) -> None:
    shown = excerpt(f"key {written} is bad", [SecretStr(SECRET)])
    assert shown.startswith("key [hidden]")
    assert len(shown) < 60, shown
    assert shown.endswith("is bad")


@pytest.mark.parametrize("text", ["the budget of this team is used up", "no model gpt-4o-mini in project 12-34"])
def test_ordinary_words_are_not_taken_for_a_secret(text: str) -> None:
    assert excerpt(text, [SecretStr(SECRET), SecretStr("a-b")]) == text


def test_a_long_text_and_a_long_secret_cost_little() -> None:
    started = time.process_time()
    excerpt("a " * 500_000, [SecretStr("a" * 16_384)])
    assert time.process_time() - started < 1


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
