"""The lines of the audit log are what the schema says, bounded, and repeat nothing that may be a key."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import keypool.core.audit
from keypool.core.audit.lines import (
    LONGEST,
    By,
    CredentialEvent,
    KeyEvent,
    LedgerEvent,
    Line,
    May,
    OrderEvent,
    SecretEvent,
    Spend,
    body,
    cut,
    named,
)
from keypool.core.audit.schema import schema
from keypool.serve.audit import AuditLog

RUNTIMES_CUT_AT = 16_384
BY = By("kubectl-annotate", "Update", "2026-11-29T12:00:00Z", "17")
EXAMPLES: tuple[Line, ...] = (
    KeyEvent("revoked", "shop", "chat", "uid", "kp", "0123456789ab", "p", "why"),
    KeyEvent("created", "shop", "chat", "uid", "kp", "", "p", "why", "slot empty", "ok", "h-1", 0, May("2026"), BY),
    KeyEvent(
        *("created", "shop", "chat", "uid", "kp", "", "p", "why", "slot empty", "ok", "h-1", 0),
        May("2026", ("chat:write",), ("gpt-4o",), 60, Spend("25", "Daily", shared=True)),
    ),
    OrderEvent("ApiKeyPool", "shop", "chat", "uid", "keypool.dev/rotate", "now", "taken", "", ("kp",), BY),
    CredentialEvent("in use", "KeyProvider", "shop", "p", "uid", "0123456789ab"),
    SecretEvent("repaired", "shop", "chat", "uid", ("chat",), ("kubectl-edit",)),
    LedgerEvent("tampered", "shop", "chat", "uid", "why"),
)


def written(*lines: Line) -> list[dict[str, Any]]:
    """As they stand on the stream; with the first and the last line of a leadership, and `opened`."""
    stream = io.StringIO()
    log = AuditLog(stream)
    assert log.opens()
    log.begin("replica/1")
    for line in lines:
        log.record(line)
    log.close()
    return [json.loads(text) for text in stream.getvalue().splitlines()]


def test_every_line_that_is_written_fits_the_schema() -> None:
    validator = Draft202012Validator(schema())
    lines = written(*EXAMPLES)
    assert {line["audit"] for line in lines} == {
        "opened",
        "began",
        "key",
        "order",
        "credential",
        "secret",
        "ledger",
        "ended",
    }
    assert [error.message for line in lines for error in validator.iter_errors(line)] == []


@pytest.mark.parametrize("change", [{"more": 1}, {"seq": -1}, {"audit": "other"}, {"hash": "x"}, {"v": 2}])
def test_the_schema_refuses_what_is_no_line(change: dict[str, object]) -> None:
    line = written(EXAMPLES[0])[2] | change
    assert not Draft202012Validator(schema()).is_valid(line)


def test_the_packages_schema_is_the_codes() -> None:
    file = Path(keypool.core.audit.__file__).with_name("line.schema.json")
    assert json.loads(file.read_text()) == schema(), "run: make docs"


@pytest.mark.parametrize("text", ["x" * 9999, "\x1b" * 9999, "\N{SNOWMAN}" * 9999, '"' * 9999])
def test_a_line_is_shorter_than_what_runtimes_cut_whatever_others_wrote(text: str) -> None:
    many = (text,) * 99
    may = May(text, many, many, 10**6, Spend(text, text))
    key = KeyEvent(*(text,) * 8, made_for=text, outcome=text, handle=text, slot=1, may=may, by=By(*(text,) * 4))
    order = OrderEvent(*(text,) * 6, "taken", text, many, By(*(text,) * 4))
    for line in written(key, order):
        assert len(json.dumps(line)) < RUNTIMES_CUT_AT


@given(st.text(max_size=2000), st.integers(10, LONGEST))
def test_what_is_cut_is_bounded_as_json_and_begins_as_it_did(text: str, most: int) -> None:
    assert len(json.dumps(cut(text, most))) <= most + 2
    assert len(cut(text, most)) <= most


def test_a_list_tells_how_much_more_there_was() -> None:
    line = body(SecretEvent("repaired", "shop", "chat", "uid", tuple(f"s{n}" for n in range(50))))
    secrets = line["secrets"]
    assert isinstance(secrets, list)
    assert secrets[-2:] == ["s31", "and 18 more"]


@pytest.mark.parametrize(
    "text", ["gpt-4o-mini", "meta-llama/Llama-3.3-70B-Instruct", "kubectl-client-side-apply", "chat:write", "argocd"]
)
def test_ordinary_words_are_repeated(text: str) -> None:
    assert named(text) == text


@pytest.mark.parametrize(
    "text", ["sk-or-v1-abc", "hs_0123456789abcdefghijklmn", "a1" * 20, "Bearer x9f8e7d6c5b4a3f2e1d0c"]
)
def test_what_may_be_a_key_is_not_repeated(text: str) -> None:
    assert named(text) == f"({len(text)} characters)"
