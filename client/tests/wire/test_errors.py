"""The relay's own answers are errors in the dialect that the client speaks."""

import json

import pytest

from keypool_client.model import DIALECTS, Dialect
from keypool_client.wire.errors import STATUS, Code, Refusal


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("code", Code)
def test_each_has_a_sentence_and_a_code_where_the_dialects_sdks_look(code: Code, dialect: Dialect) -> None:
    refusal = Refusal(code, 'say "please"', dialect)
    told = json.loads(refusal.body)
    error = told["error"]
    assert error["message"] == 'keypool: say "please"'
    assert 400 <= refusal.status == STATUS[code] < 600
    if dialect == "gemini":
        assert error["code"] == refusal.status
        assert error["status"].isupper()
        assert error["details"][0]["reason"] == code
    else:
        assert error["code"] == code
        assert error["type"]
    assert (told.get("type") == "error") == (dialect == "anthropic")


def test_every_code_begins_with_our_name_and_has_a_status() -> None:
    assert STATUS.keys() == set(Code)
    assert all(code.startswith("keypool_") for code in Code)


def test_sdks_are_told_when_to_come_back_and_not_to_repeat_what_the_relay_has_tried() -> None:
    refusal = Refusal(Code.NO_USABLE_KEY, "none")
    assert dict(refusal.headers(5)) == {
        "Content-Type": "application/json", "X-Keypool-Error": "keypool_no_usable_key", "Retry-After": "5",
    }  # fmt: skip
    assert dict(refusal.headers(attempted=True))["X-Should-Retry"] == "false"
