"""How the tests themselves are run."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.order import TOGETHER, scope_of

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


def test_what_is_set_up_once_for_a_file_or_folder_is_set_up_by_one_worker() -> None:
    folders = [ROOT / "tests" / name for name in ("cluster", "e2e", "faults", "kubelet")]
    shared = re.compile(r"""scope=["'](module|package)["']""")
    files = [path for folder in folders for path in folder.rglob("*.py") if shared.search(path.read_text())]
    assert files
    names = [str(path.relative_to(ROOT)).removesuffix("conftest.py") for path in files]
    assert not [name for name in names if not name.startswith(TOGETHER)]
    assert not [name for name in TOGETHER if not (ROOT / name).exists()]


def test_tests_that_share_something_go_to_one_worker_and_all_others_anywhere() -> None:
    one, other = "tests/cluster/test_gitops.py::test_a", "tests/cluster/test_gitops.py::test_b[x]"
    assert scope_of(one) == scope_of(other) != scope_of("tests/cluster/test_manifests.py::test_a")
    assert scope_of("tests/contract/test_gateways.py::test_a") == scope_of("tests/cluster/test_any.py::test_b[anyllm]")
    assert scope_of("tests/unit/test_links.py::test_a") == "tests/unit/test_links.py::test_a"
