"""A line of the audit log that is missing, changed or out of order is found, and which one is told."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.audit.verify import Verification, verify
from tests.unit.audit.logs import a_key, a_log, forged, written

NOISE = ["", "I1129 something else", '{"level":"info","message":"said \\"audit\\": no"}', "{", "[pod/keypool/operator]"]
LOG = a_log(8)
TWO = written([a_key(0), a_key(1)], [a_key(2), a_key(3)])


def first(found: Verification) -> str:
    """The first finding."""
    return str(found.findings[0]) if found.findings else ""


def test_a_whole_log_is_whole() -> None:
    found = verify(LOG)
    assert found.whole
    assert (found.lines, found.others, found.lost) == (10, 0, 0)
    assert not found.notes


def test_two_leaderships_are_two_chains() -> None:
    found = verify(TWO)
    assert found.whole
    assert [(epoch.name, epoch.lines, epoch.ended) for epoch in found.epochs.values()] == [
        ("replica-1/1", 4, True),
        ("replica-0/2", 4, True),
    ]


@given(st.integers(0, len(LOG) - 1))
def test_any_line_that_is_missing_is_told(gone: int) -> None:
    found = verify(LOG[:gone] + LOG[gone + 1 :])
    if gone == len(LOG) - 1:
        assert "has no last line" in found.notes[0]
    else:
        assert "1 lines of replica-1/1 are missing" in first(found)
        assert first(found).startswith(f"line {gone + 1}:")


@given(
    st.integers(0, len(LOG) - 1), st.sampled_from(["time", "key", "outcome", "event", "seq", "prev", "epoch", "new"])
)
def test_any_field_that_is_changed_is_told_with_its_line(number: int, name: str) -> None:
    told = json.loads(LOG[number])
    told[name] = told[name] + 1 if name == "seq" else "0" * 63 + "1" if name == "prev" else f"{told.get(name)}x"
    found = verify([*LOG[:number], json.dumps(told), *LOG[number + 1 :]])
    assert first(found).startswith(f"line {number + 1}: this line was changed")


@given(st.integers(0, len(LOG) - 2))
def test_a_line_that_is_changed_and_hashed_anew_is_told_by_the_next_one(number: int) -> None:
    found = verify([*LOG[:number], forged(LOG[number], why="nothing"), *LOG[number + 1 :]])
    assert first(found).startswith(f"line {number + 2}: line {number + 1}, the one before, is not the one")


@given(st.permutations(range(len(LOG))))
def test_any_other_order_is_told(order: list[int]) -> None:
    found = verify(LOG[number] for number in order)
    assert found.whole is (order == sorted(order))


@given(st.integers(0, len(LOG) - 1), st.integers(0, len(LOG)))
def test_a_line_that_is_repeated_is_told(number: int, place: int) -> None:
    assert not verify([*LOG[:place], LOG[number], *LOG[place:]]).whole


@given(st.integers(1, len(LOG) - 1))
def test_a_log_that_is_cut_at_its_end_is_not_called_complete(length: int) -> None:
    found = verify(LOG[:length])
    assert found.whole
    assert f"up to line {length} (seq {length})" in found.notes[0]


@given(st.integers(0, 60))
def test_a_line_that_is_cut_is_told(length: int) -> None:
    found = verify([*LOG[:-1], LOG[-1][: -1 - length]])
    assert first(found) == f"line {len(LOG)}: this line is cut or damaged: it is no JSON"


@given(st.lists(st.tuples(st.integers(0, len(LOG)), st.sampled_from(NOISE)), max_size=10))
def test_other_lines_between_change_nothing(noise: list[tuple[int, str]]) -> None:
    lines = list(LOG)
    for place, text in sorted(noise, reverse=True):
        lines.insert(place, text)
    found = verify(lines)
    assert found.whole
    assert found.others == len(noise)


@given(st.lists(st.sampled_from([0, 1]), min_size=8, max_size=8))
def test_leaderships_may_be_interleaved(turns: list[int]) -> None:
    both = [iter(TWO[:4]), iter(TWO[4:])]
    mixed = [line for turn in turns if (line := next(both[turn], None))]
    assert verify([*mixed, *both[0], *both[1]]).whole


@pytest.mark.parametrize(
    "prefix", ["[pod/keypool-1/operator] ", "2026-11-29T12:00:00.1Z ", "2026-11-29T12:00:00.1Z stdout F "]
)
def test_prefixes_of_kubectl_logs_and_runtimes_do_not_matter(prefix: str) -> None:
    assert verify(prefix + line for line in LOG).whole


def test_a_collector_may_write_the_fields_in_another_order() -> None:
    assert verify(json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")) for line in LOG).whole


def test_a_leadership_without_an_end_before_another_one_is_not_called_whole() -> None:
    found = verify(TWO[:3] + TWO[4:])
    assert first(found).startswith("replica-1/1 has no last line: the file has it up to line 3 (seq 3)")


def test_a_leadership_of_which_no_line_is_there_is_told() -> None:
    three = written([a_key(0)], [a_key(1)], [a_key(2)])
    found = verify(three[:3] + three[6:])
    assert first(found) == "no line is there of the leaderships number 2: in another file, or gone"


def test_a_line_in_no_chain_is_told() -> None:
    found = verify([*LOG, json.dumps({"audit": "key", "event": "revoked", "key": "k"})])
    assert first(found).startswith("line 11: this line stands in no chain")


def test_a_line_after_the_last_one_is_told() -> None:
    found = verify([*LOG, forged(LOG[1], seq=11, prev=json.loads(LOG[-1])["hash"])])
    assert first(found) == "line 11: this line comes after the last one of replica-1/1"


def test_a_file_that_was_made_anew_as_a_whole_lacks_a_hash_that_was_noted() -> None:
    noted, other = json.loads(LOG[-1])["hash"], a_log(7)
    assert verify(LOG, [noted]).whole
    assert verify(other).whole
    assert "no line has the hash" in first(verify(other, [noted]))


@given(st.lists(st.text(max_size=50), max_size=5), st.text(max_size=80))
def test_whatever_a_file_holds_it_is_read(lines: list[str], more: str) -> None:
    verify([*lines, f'{{"audit": {more}', json.dumps({"audit": more, "v": 1, "epoch": more, "seq": 1})])


@given(
    st.dictionaries(
        st.sampled_from(["audit", "v", "epoch", "seq", "prev", "hash", "lines", "time"]),
        st.one_of(st.integers(), st.text(max_size=5), st.none(), st.booleans(), st.just("0" * 64), st.just("lost")),
    )
)
def test_whatever_fields_a_line_has_it_is_judged(fields: dict[str, object]) -> None:
    found = verify([forged("{}", **{"audit": "key", "v": 1, **fields})])
    assert found.lines == 1


def test_findings_are_bounded() -> None:
    found = verify(['{"audit": 1'] * 1000)
    assert (found.broken, len(found.findings)) == (1000, 100)


def test_deep_nesting_is_damage() -> None:
    assert "more parts" in first(verify(['{"audit": ' + "[" * 5000]))


def test_a_field_that_stands_twice_is_told() -> None:
    """Programs take the last one, people see the first."""
    twice = LOG[3].replace('{"time"', '{"why": "nothing", "time"', 1)
    found = verify([*LOG[:3], twice, *LOG[4:]])
    assert first(found) == "line 4: this line is damaged: it has a field twice"


def test_a_number_of_lost_lines_that_nobody_could_count_is_none() -> None:
    vast = forged(LOG[1], audit="lost", lines=int("9" * 4000))
    found = verify([LOG[0], vast, vast])
    assert found.lost == 0
    assert not found.whole
