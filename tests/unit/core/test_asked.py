"""Requests by annotation: whatever people paste is understood where it is ours, and never repeated where it is not."""

import base64
import hashlib
from typing import Any

import pytest

from keypool.core import asked
from keypool.core.lifecycle import KeyState
from tests.unit.core.builders import a_key

VALUE = "sk-hs-0123456789abcdefABCDEF_-x"
OURS = a_key(0, name="kp.shop.web.inst.0123456789", value=VALUE)
DIGEST = hashlib.sha256(VALUE.encode()).hexdigest()
THEIRS = "sk-hs-of-another-pool-0123456789abcd"

PASTED = {
    "the name": OURS.name,
    "the fingerprint": OURS.print,
    "the fingerprint in capitals": DIGEST[:12].upper(),
    "the digest": DIGEST,
    "the digest in capitals": DIGEST.upper(),
    "the digest as OCI writes it": f"sha256:{DIGEST}",
    "the value": VALUE,
    "in quotes": f'"{VALUE}"',
    "in typographic quotes": f"\u201c{VALUE}\u201d",
    "with spaces": f"  {VALUE}\n",
    "as a header": f"Bearer {VALUE}",
    "as a whole header": f"Authorization: Bearer {VALUE}",
    "as a variable": f"export OPENAI_API_KEY='{VALUE}'",
    "as JSON": f'{{"apiKey": "{VALUE}"}}',
    "as a Secret shows it": base64.b64encode(VALUE.encode()).decode(),
    "after another": f"{THEIRS}, {VALUE}",
    "on a line of its own": f"{THEIRS}\n{VALUE}",
    "with a token": f"{VALUE}@2026-11-24",
    "in capitals": VALUE.upper(),
    "to be revoked at once": f"{VALUE}!now@2026-11-24",
    "with !now that lacks its token": f"{VALUE}!now",
    "after another that is to be revoked at once": f"{THEIRS}!now@1,{VALUE}",
    "at the end of a sentence": f"found in the log: {VALUE}.",
    "in angle quotes": f"\u00ab{VALUE}\u00bb",
    "with signs that nobody sees": f"\ufeff{VALUE[:9]}\u200b{VALUE[9:]}\u00a0",
    "wrapped by a terminal": f"{VALUE[:20]}\n{VALUE[20:]}",
    "in a URL": f"https://gateway.example/v1?user=me&key={VALUE}&n=1",
    "as more of the digest than is shown": DIGEST[:20],
}


@pytest.mark.parametrize("request_", PASTED.values(), ids=PASTED.keys())
def test_a_key_is_found_however_it_is_pasted(request_: str) -> None:
    assert asked.read(request_).names(OURS)
    assert not asked.read(request_).names(a_key(1))


def test_a_value_with_commas_in_it_is_found_and_its_parts_are_not_taken_for_entries() -> None:
    key = a_key(0, value="pass,word;with signs")
    report = asked.read("pass,word;with signs!now@1")
    assert report.names_at_once(key)
    assert report.holds_value_of(key)
    assert report.unknown([key]) == ()


@pytest.mark.parametrize("state", [KeyState.HELD, KeyState.REVOKING, KeyState.OWED, KeyState.DISABLED])
def test_keys_in_every_state_are_found_by_name(state: Any) -> None:
    assert asked.read(f"{state.value}-0").names(a_key(0, state))


@pytest.mark.parametrize("request_", [THEIRS, f"Bearer {THEIRS}", "a", hashlib.sha256(THEIRS.encode()).hexdigest()])
def test_of_what_is_nobodys_only_place_and_length_are_told(request_: str) -> None:
    (told,) = asked.read(f"{OURS.name},{request_}").unknown([OURS])
    assert told == f"entry 2, {len(request_)} characters"


@pytest.mark.parametrize("request_", ["all", "ALL", "*", "all@", '"all"'])
def test_all_without_a_token_names_nothing_and_is_told_what_it_lacks(request_: str) -> None:
    report = asked.read(request_)
    assert not report.names(OURS)
    assert report.unknown([OURS]) == ("all has no token: write all@TOKEN, with a word not used before",)


@pytest.mark.parametrize("request_", ["all@2026-11-24", "ALL@1", "all !now@1", f"{THEIRS},all@1"])
def test_all_with_a_token_names_every_key(request_: str) -> None:
    assert asked.read(request_).names(OURS)


@pytest.mark.parametrize(
    ("request_", "at_once"), [("x!now@1", True), ("x!NOW@1", True), ("x!now", False), ("x", False)]
)
def test_a_request_that_ends_in_now_and_a_token_waits_for_no_successor(request_: str, *, at_once: bool) -> None:
    assert asked.read(request_).at_once is at_once


@pytest.mark.parametrize(
    ("request_", "at_once"),
    [
        ("one!now@1,two!now@1", ["one", "two"]),
        ("one,two!now@1", ["one", "two"]),
        ("one,two,!now@1", ["one", "two"]),
        ("one!now@1,two", ["one"]),
        ("one!now@1,two@2", ["one"]),
        ("all!now@1", ["one", "two"]),
        ("two!now@1,all@1", ["two"]),
        ("one!now,two", []),
    ],
)
def test_now_concerns_its_entry_and_those_before_and_no_entry_is_lost(request_: str, at_once: list[str]) -> None:
    report, keys = asked.read(request_), [a_key(0, name="one"), a_key(1, name="two")]
    assert [key.name for key in keys if report.names_at_once(key)] == at_once
    assert all(report.names(key) for key in keys if key.name in request_)


@pytest.mark.parametrize("request_", ["x" * 4097, ",".join(["x"] * 101)])
def test_what_is_not_read_of_a_long_request_is_told(request_: str) -> None:
    assert "is not read" in asked.read(request_).unknown([OURS])[-1]


def test_many_unknown_entries_are_counted() -> None:
    assert asked.read("a,b,c,d,e,f,g").unknown([])[-1] == "2 more entries"


def test_a_pasted_value_is_noticed_as_such() -> None:
    assert asked.read(f"Bearer {VALUE}").holds_value_of(OURS)
    assert not asked.read(str(OURS.print)).holds_value_of(OURS)


@pytest.mark.parametrize(
    "request_", [OURS.name, OURS.print, "all@2026-11-24", f"{OURS.name}!now@once", f"all@1,{OURS.print}"]
)
def test_a_request_of_known_names_and_plain_tokens_is_remembered_as_it_is(request_: str) -> None:
    assert asked.remembered(request_, "uid", [OURS]) == request_
    assert asked.is_handled(request_, request_, "uid")


@pytest.mark.parametrize(
    "request_", [VALUE, THEIRS, "typo", f"{OURS.name},typo", f"all@{THEIRS}", f"all!now@{VALUE}", DIGEST]
)
def test_any_other_request_is_remembered_by_its_length_and_a_digest_that_is_never_shown(request_: str) -> None:
    kept = asked.remembered(request_, "uid", [OURS])
    assert request_ not in kept
    assert asked.shown(kept) == f"{len(request_)} characters"
    assert asked.is_handled(request_, kept, "uid")
    assert not asked.is_handled(f"{request_}x", kept, "uid")
    assert kept != asked.remembered(request_, "another", [OURS]), "two pools cannot be compared by it"


@pytest.mark.parametrize("token", ["once", "2026-11-24T09:00:00Z", "2026-11-24 09:00:00.123456+00:00", "1764000000"])
def test_plain_tokens_are_shown(token: str) -> None:
    assert asked.shown(asked.remembered(token, "uid")) == token


@pytest.mark.parametrize("token", [VALUE, "x" * 16, "\x1b[31mred", "Schl\u00fcssel", "a b"])
def test_other_tokens_are_not(token: str) -> None:
    assert asked.shown(asked.remembered(token, "uid")) == f"{len(token)} characters"


def test_no_repr_shows_a_request() -> None:
    assert VALUE not in repr(asked.read(VALUE))
