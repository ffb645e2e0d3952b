"""How the tests themselves are run."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = """
import os, pytest
def test_ends_its_worker(): os._exit(3)
@pytest.mark.parametrize("number", range(6))
def test_ends_well(number): pass
"""


def test_a_test_that_ends_its_worker_fails_once_and_all_others_run(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    options = ["--numprocesses=2", "-p", "tests.order", "-p", "no:cacheprovider", f"--rootdir={tmp_path}"]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, str(tmp_path)],
        cwd=ROOT,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 failed, 6 passed" in run.stdout, run.stdout
