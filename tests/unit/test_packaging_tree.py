"""What holds for the repository as a whole."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOT_OURS = re.compile(r"^(\.(?!ci/|dockerignore|gitignore)|build/|dist/)|__pycache__")
TABLES = re.compile(r"<!-- (\w+) -->.*?<!-- /\1 -->", re.DOTALL)
LONGEST = 300
GENERATED = re.compile(r"^(crds/|manifests/alerts/|requirements/|LICENSE$)|\.schema\.json$|go\.(mod|sum)$|\.svg$")
# Written with gaps so that this file does not find itself.
FORBIDDEN = {
    "a path of somebody's machine": re.compile("/" + r"(?:work|root|home/\w+|Users/\w+)/\w"),
    "a package index or image registry": re.compile(
        r"\b(?:pypi[.]org|pythonhosted[.]org|docker[.]io|ghcr[.]io|quay[.]io|gcr[.]io|proxy[.]golang[.]org)\b"
    ),
}


def texts() -> Iterator[tuple[str, str]]:
    """Path and text of every file of the project; binary files are passed over."""
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if path.is_file() and not NOT_OURS.search(name):
            try:
                yield name, path.read_text()
            except UnicodeDecodeError:
                continue


def test_the_source_root_is_not_a_package() -> None:
    """`operator` is a module of the standard library: with an __init__.py the folder could take its place."""
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_operator_is_still_the_module_of_the_standard_library() -> None:
    """Started in the repository, Python finds its own one."""
    code = "import operator, keypool; print(operator.itemgetter(0)('ok'[:1]), hasattr(operator, '__path__'))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=True)
    assert run.stdout.split() == ["o", "False"]


def test_no_file_is_too_long() -> None:
    """A file that needs more lines does more than one thing. Tables that are generated into a page do not count."""
    written = {name: TABLES.sub("", text) for name, text in texts() if not GENERATED.search(name)}
    assert {name: lines for name, text in written.items() if (lines := text.count("\n")) > LONGEST} == {}


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    """The project means the same on every machine."""
    assert [name for name, text in texts() if FORBIDDEN[what].search(text)] == []


def test_imports_go_one_way() -> None:
    """import-linter keeps the contracts of pyproject.toml."""
    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
