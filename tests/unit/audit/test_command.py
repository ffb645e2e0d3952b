"""`python -m keypool audit` reads a log from a file or a pipe, and ends with a code that scripts can go by."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from keypool.audit_command import main
from keypool.core.audit.schema import schema
from tests.unit.audit.logs import a_log


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A whole log, with other lines between."""
    file = tmp_path / "audit.log"
    file.write_text("\n".join(["a line of somebody else", *a_log(3), ""]))
    return file


def asked(*arguments: object) -> tuple[int, str]:
    """Exit code and output."""
    out = io.StringIO()
    return main([str(each) for each in arguments], out), out.getvalue()


def test_a_whole_log_ends_with_0_and_tells_its_last_hash(log: Path) -> None:
    code, out = asked("verify", log)
    assert code == 0
    assert "5 audit lines, 1 other lines, 0 lost: nothing is missing, changed or out of order" in out
    assert f"last seq 5, hash {json.loads(a_log(3)[-1])['hash']}" in out


def test_a_log_that_lacks_a_line_ends_with_1_and_tells_where_first(log: Path) -> None:
    lines = log.read_text().splitlines()
    log.write_text("\n".join(lines[:2] + lines[3:]))
    code, out = asked("verify", log)
    assert code == 1
    assert out.startswith("line 3: 1 lines of replica-1/1 are missing after line 2 (seq 2 to 2)\n")
    assert "NOT WHOLE" in out


@pytest.mark.parametrize("content", ["", "nothing\n", '{"level": "info"}\n'])
def test_a_file_without_audit_lines_is_not_called_whole(tmp_path: Path, content: str) -> None:
    file = tmp_path / "empty.log"
    file.write_text(content)
    assert asked("verify", file) == (2, "")


def test_a_file_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    assert asked("verify", tmp_path / "none") == (2, "")


@pytest.mark.parametrize("arguments", [("verify", "--head", "abc"), ("find",), ("alive",)])
def test_a_bad_question_ends_with_2(log: Path, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    more = {"find": ["nonsense"], "alive": ["yesterday"]}.get(arguments[0], [])
    assert asked(*arguments, log, *more) == (2, "")
    assert "write" in (said := capsys.readouterr().err) or "64 hex digits" in said


def test_a_line_without_end_is_read_no_further_than_it_may_be(tmp_path: Path) -> None:
    file = tmp_path / "long.log"
    file.write_bytes(b'{"audit": "' + b"x" * 3_000_000 + b"\n" + "\n".join(a_log(3)).encode() + b"\n\xff\xfe")
    code, out = asked("verify", file)
    assert code == 1
    assert out.startswith("line 1: this line is longer than any audit line\n")
    assert "NOT WHOLE: 1 findings" in out


def test_the_program_reads_a_pipe(log: Path) -> None:
    argv = [sys.executable, "-m", "keypool", "audit", "verify", "-"]
    with log.open() as stream:
        run = subprocess.run(argv, stdin=stream, capture_output=True, text=True, timeout=240, check=False)
    assert (run.returncode, run.stderr) == (0, "")
    assert "nothing is missing" in run.stdout


def test_lines_are_found_whole_or_for_people(log: Path) -> None:
    code, out = asked("find", log, "event=created", "key=kp.shop.chat.1")
    assert code == 0
    assert out.startswith("2026-11-29T12:00:02.000Z key: event created; namespace shop; pool chat; key kp.shop.chat.1;")
    _, out = asked("find", "--json", log, "event=created", "key=kp.shop.chat.1")
    assert json.loads(out) == json.loads(a_log(3)[2])


@pytest.mark.parametrize(("when", "keys"), [("2026-11-28", 0), ("2026-11-29", 3), ("2026-11-29T12:00:01Z", 1)])
def test_the_keys_of_a_day_or_a_moment_are_told(log: Path, when: str, keys: int) -> None:
    code, out = asked("alive", log, when)
    assert (code, len(out.splitlines())) == (0, keys)


def test_the_schema_is_printed() -> None:
    code, out = asked("schema")
    assert (code, json.loads(out)) == (0, schema())
