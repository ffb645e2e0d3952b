"""The defects of `make mutants` fit the code as it is, and the tool tells a caught one from a survivor."""

import shutil
from pathlib import Path

import pytest

from keypool_lab.mutants.all_defects import DEFECTS
from keypool_lab.mutants.defect import Defect, Misplaced
from keypool_lab.mutants.trial import try_defect

ROOT = Path(__file__).parents[2]
DURATION = "tests/unit/test_duration.py"


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_fits_the_code_and_its_tests_exist(defect: Defect, tmp_path: Path) -> None:
    copy = tmp_path / "operator" / "keypool" / defect.file
    copy.parent.mkdir(parents=True)
    shutil.copy(ROOT / "operator" / "keypool" / defect.file, copy)
    defect.sow(tmp_path)
    compile(copy.read_text(), defect.file, "exec")
    assert all((ROOT / tests.split()[0].partition("::")[0]).exists() for tests in defect.tests)


def test_at_least_ten_defects_are_sown_under_names_of_their_own() -> None:
    assert len({defect.name for defect in DEFECTS}) == len(DEFECTS) >= 10


def test_a_defect_that_does_not_fit_is_not_tried() -> None:
    with pytest.raises(Misplaced, match="stands 0 times"):
        try_defect(Defect("nowhere", "api/duration.py", "no such text", "", (DURATION,)))


def test_a_defect_that_a_test_notices_is_caught_by_it() -> None:
    wrong = Defect("minutes are hours", "api/duration.py", '"m": 60.0', '"m": 3600.0', (DURATION,))
    assert try_defect(wrong).caught_by.startswith(DURATION)


def test_a_defect_that_no_test_notices_survives() -> None:
    harmless = Defect("another word", "api/duration.py", '"""Durations as Go', '"""The durations as Go', (DURATION,))
    assert not try_defect(harmless).caught_by
