"""Every row of the lifecycle table is proven by a test that says so, and what docs/tests.md names is there."""

from pathlib import Path

import pytest

from keypool_lab.testdocs.cases import CASES
from keypool_lab.testdocs.collect import ROWS, TESTS, Found, Row, every_test, proven, strangers
from keypool_lab.testdocs.invariants import INVARIANTS
from keypool_lab.testdocs.kinds import KINDS

ALL = every_test(TESTS)
PROVEN = proven(ALL)


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_a_row_of_the_lifecycle_table_is_named_by_a_test(row: Row) -> None:
    assert PROVEN[row], f'no test has @pytest.mark.row("{row[0]}", "{row[1]}")'


def test_every_marker_names_a_row() -> None:
    assert not strangers(ALL)


def test_a_marker_that_names_no_row_is_told_with_what_would_be_right(tmp_path: Path) -> None:
    text = 'import pytest\n\n\n@pytest.mark.row("HELD", "CLEARD")\nasync def test_it() -> None: ...\n'
    (tmp_path / "test_some.py").write_text(text)
    (found,) = every_test(tmp_path)
    assert found == Found(f"{tmp_path.name}/test_some.py", "test_it", (("HELD", "CLEARD"),))
    (complaint,) = strangers((found,))
    assert "test_it: there is no row ('HELD', 'CLEARD')" in complaint
    assert "CLEARED" in complaint


@pytest.mark.parametrize("promise", INVARIANTS, ids=lambda promise: promise[0][:40])
def test_the_tests_of_an_invariant_exist(promise: tuple[str, tuple[str, ...]]) -> None:
    assert promise[1]
    assert set(promise[1]) <= {test.id for test in ALL}


@pytest.mark.parametrize(
    "attack", [(case[0], case[2]) for case in CASES] + list(KINDS), ids=lambda attack: attack[0][:40]
)
def test_the_tests_of_an_attack_exist(attack: tuple[str, tuple[str, ...]]) -> None:
    assert attack[1]
    assert set(attack[1]) - {test.id for test in ALL} == set()


def test_each_attack_of_the_catalogue_is_there() -> None:
    assert (len(CASES), len(KINDS)) == (34, 22)
