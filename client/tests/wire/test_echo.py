"""The pool's key in what a provider says."""

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import Key
from keypool_client.wire.echo import headers_without, without

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


@given(before=st.binary(max_size=50), after=st.binary(max_size=50))
def test_all_else_stays_byte_for_byte(before: bytes, after: bytes) -> None:
    assert without(before + after, KEY) == before + after
    assert without(before + VALUE.encode() + after, KEY) == before + b"[chat-0]" + after
