"""Questions about an audit log: lines by their fields, and which keys lived when."""

import pytest

from keypool.core.audit.asking import BadQuestion, condition, lives, shown
from keypool.core.audit.lines import By, KeyEvent
from keypool.core.audit.reading import Read, read
from tests.unit.audit.logs import a_key, written


def lines(*events: tuple[int, str]) -> list[Read]:
    """One leadership's lines: for each key its number and what happened; the first one at 12:00:01."""
    texts = written([a_key(number, event) for number, event in events])
    return [line for text in texts if isinstance(line := read(text), Read)]


def alive(start: str, stop: str, *events: tuple[int, str]) -> list[str]:
    """The keys that lived then."""
    return [str(life.told["key"]) for life in lives(lines(*events)) if life.overlaps(start, stop)]


LIFE = ((0, "intended"), (0, "created"), (0, "active"), (0, "draining"), (0, "revoking"), (0, "revoked"))


@pytest.mark.parametrize(
    ("at", "lived"),
    [("12:00:01", False), ("12:00:02", True), ("12:00:05", True), ("12:00:06.000", True), ("12:00:07", False)],
)
def test_a_key_lives_from_its_creation_to_the_proof_that_it_is_dead(at: str, lived: bool) -> None:
    when = f"2026-11-29T{at}"
    assert alive(when, f"{when}~", *LIFE) == (["kp.shop.chat.0"] if lived else [])


@pytest.mark.parametrize("end", ["abandoned", "left", "owed", "draining", "revoking", "revoke failed"])
def test_a_key_that_is_not_proven_dead_may_live_on(end: str) -> None:
    assert alive("2030-01-01", "2030-01-02", (0, "created"), (0, end)) == ["kp.shop.chat.0"]


@pytest.mark.parametrize("end", ["not created", "cleared"])
def test_a_key_that_was_never_there_never_lived(end: str) -> None:
    assert list(lives(lines((0, "intended"), (0, "unresolved"), (0, end)))) == []


def test_a_key_whose_answer_was_lost_perhaps_lives() -> None:
    (life,) = lives(lines((0, "intended"), (0, "unresolved")))
    assert str(life).startswith("perhaps: ")


def test_a_key_from_before_the_log_says_so() -> None:
    (life,) = lives(lines((0, "draining"), (0, "revoked")))
    assert "since before 2026-11-29T12:00:01" in str(life)


def test_a_key_that_people_gave_again_lives_again() -> None:
    assert alive("2030-01-01", "2030-01-02", (0, "created"), (0, "removed"), (0, "created")) == ["kp.shop.chat.0"]


EARLIER, LATER = [(0, "intended"), (0, "created"), (0, "active")], [(0, "draining"), (0, "revoking"), (0, "revoked")]


@pytest.mark.parametrize("turned", [False, True])
def test_what_became_of_a_key_does_not_hang_on_the_order_in_which_leaderships_stand_in_the_file(
    *, turned: bool
) -> None:
    """`kubectl logs` of several pods gives one pod's lines after the other's."""
    both = written([a_key(number, what) for number, what in EARLIER], [a_key(number, what) for number, what in LATER])
    ends = 2 + len(EARLIER)
    texts = [*both[ends:], *both[:ends]] if turned else both
    (life,) = lives(line for text in texts if isinstance(line := read(text), Read))
    assert (life.since, life.until, life.end) == (
        "2026-11-29T12:00:02.000Z",
        "2026-11-29T12:00:08.000Z",
        "revoked",
    )
    assert life.born
    assert life.told["event"] == "revoked"


def test_the_name_of_a_field_gives_the_terminal_no_orders_either() -> None:
    told = shown({"time": "2026", "audit": "key", "\x1b[2J": "x", "by": {"\x1b[3J": "y"}})
    assert told == "2026 key: \\x1b[2J x; by (\\x1b[3J y)"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("event=created", True),
        ("event!=created", False),
        ("event=revoked", False),
        ("by.manager=kubectl", True),
        ("by.manager!=kubectl", False),
        ("by.nothing=", True),
        ("handle=", True),
        ("seq=2", True),
    ],
)
def test_lines_are_found_by_their_fields(text: str, *, fits: bool) -> None:
    by = By("kubectl", "Update", "2026", "17")
    texts = written([KeyEvent("created", "n", "p", "u", "k", "", "p", "why", slot=1, by=by)])
    line = read(texts[1])
    assert isinstance(line, Read)
    assert condition(text).holds(line.told) is fits


@pytest.mark.parametrize("text", ["created", "=created", "!=x", ""])
def test_what_is_no_condition_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadQuestion, match="write FIELD=TEXT"):
        condition(text)


def test_a_shown_line_gives_the_terminal_no_orders() -> None:
    told = shown(
        {"time": "2026", "audit": "key", "why": "\x1b[2J\N{SNOWMAN}", "hash": "f" * 64, "by": {"manager": "m"}}
    )
    assert told == "2026 key: why \\x1b[2J\\u2603; by (manager m)"
