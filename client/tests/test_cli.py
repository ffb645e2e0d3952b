"""The command line: what is printed where, and the exit codes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keypool_client.cli import main


def test_key_prints_the_key_and_nothing_else(mounted: Any, file: Any, capsys: Any) -> None:
    mounted.write({"keys.json": file()})
    assert main(["key", "--folder", str(mounted.path)]) == 0
    assert capsys.readouterr() == ("sk-canary-0\n", "")


def test_key_says_why_there_is_none(tmp_path: Path, capsys: Any) -> None:
    assert main(["key", "--folder", str(tmp_path / "none")]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("keypool-client: no key: ")
    assert "mount the Secret POOL-relay there" in err


@pytest.mark.parametrize("timeout", ["0", "-1", "nan", "inf", "1e9", "a", "9" * 400])
def test_a_timeout_that_is_none_is_refused(timeout: str, capsys: Any) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check", f"--timeout={timeout}"])
    assert ended.value.code == 2
    assert "must be a number of seconds from 0.1 to 300" in capsys.readouterr().err


def test_the_module_runs_with_the_standard_library_alone(mounted: Any, file: Any) -> None:
    mounted.write({"keys.json": file()})
    source = str(Path(__file__).parents[1])
    run = "import sys; sys.path.insert(0, sys.argv.pop(1)); from keypool_client.cli import main; sys.exit(main())"
    asked = [sys.executable, "-I", "-S", "-c", run, source, "key", "--folder", str(mounted.path)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "sk-canary-0\n", "")
