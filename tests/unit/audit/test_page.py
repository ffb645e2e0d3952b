"""The commands of docs/audit.md can be run as they stand there."""

import io
import re
import shlex
from pathlib import Path

import pytest

from keypool.audit_command import main
from tests.unit.audit.logs import written
from tests.unit.audit.test_lines import EXAMPLES

PAGE = Path(__file__).parents[3] / "docs" / "audit.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_page_answers(command: str, tmp_path: Path) -> None:
    log, out = tmp_path / "audit.log", io.StringIO()
    log.write_text("\n".join(written(EXAMPLES)) + "\n")
    words = shlex.split(command)
    assert words[:4] == ["python", "-m", "keypool", "audit"]
    assert main([str(log) if word == "audit.log" else word for word in words[4:]], out) == 0
