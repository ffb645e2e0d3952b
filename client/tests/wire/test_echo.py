"""The pool's key in what a provider says."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import Key
from keypool_client.wire.echo import Veil, headers_without, text_without, without

VALUE = "sk-pool/a+b=="
KEY = Key("chat-0", VALUE, ("eu",), "chat-0", "chat-0")


@pytest.mark.parametrize(
    "written", [VALUE, json.dumps(VALUE), VALUE.replace("/", "\\/"), quote(VALUE), quote(VALUE, "")]
)
def test_however_it_is_written_the_public_id_stands_in_its_place(written: str) -> None:
    said = f'{{"message": "no key {written}, really {written}"}}'
    assert without(said.encode(), KEY).decode() == said.replace(written.strip('"'), "[chat-0]")
    assert headers_without([("a", "b"), ("Location", f"/?key={written}")], KEY)[0] == ("a", "b")
    assert "sk-pool" not in str(headers_without([("Location", f"/?key={written}")], KEY))
    assert text_without(said, KEY) == without(said.encode(), KEY).decode()


@given(before=st.binary(max_size=50), after=st.binary(max_size=50))
def test_all_else_stays_byte_for_byte(before: bytes, after: bytes) -> None:
    assert without(before + after, KEY) == before + after
    assert without(before + VALUE.encode() + after, KEY) == before + b"[chat-0]" + after


@pytest.mark.parametrize("value", ["x", "EMPTY", "null", "sk-1234"])
def test_a_value_that_is_a_word_spoils_no_text(value: str) -> None:
    key = Key("chat-0", value, ("eu",), "chat-0", "chat-0")
    said = f'{{"content": "the list is {value}", "stop": null}}'
    assert without(said.encode(), key) == said.encode()
    assert headers_without([("Content-Type", f"text/{value}")], key) == [("Content-Type", f"text/{value}")]


@given(
    pieces=st.lists(st.one_of(st.sampled_from([VALUE[:5], VALUE[5:], VALUE, "s", "\\/", "\n"]), st.text(max_size=3)))
)
def test_in_pieces_the_same_is_told_as_at_once(pieces: list[str]) -> None:
    veil, said = Veil(KEY), [piece.encode() for piece in pieces]
    assert b"".join([*map(veil.feed, said), veil.end()]) == without(b"".join(said), KEY)


def test_all_is_told_at_once_but_for_what_may_be_the_beginning_of_the_key() -> None:
    veil = Veil(KEY)
    assert [veil.feed(piece) for piece in (b"no key sk", b"-poo", b"ls; sk-pool/a+b", b"==.")] == [
        *(b"no key ", b"", b"sk-pools; ", b"[chat-0]."),
    ]
    assert veil.end() == b""
