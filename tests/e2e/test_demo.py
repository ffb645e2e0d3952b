"""`make demo`: its figures are right, its picture can be seen, and it leaves nothing behind."""

import re
import signal
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.e2e.lab_commands import LabCommands, read_until
from tests.waiting import within

FIGURES = {
    "keys rotated": "2",
    "keys revoked by keypool": "4",
    "keys revoked behind its back": "1",
    "keys live upstream now": "0",
    "keys that served requests": "A, B, C, D, E",
    "requests that failed; the program never tries again": "0",
    "what the pool left in the cluster": "nothing",
}


def figures(output: str) -> dict[str, str]:
    """The summary's table: name and value."""
    return dict(re.findall(r"^(\S.*?)  +(\S.*?)  +(?:right|WRONG) *$", output, re.MULTILINE))


@pytest.mark.long
def test_the_demo_succeeds(commands: LabCommands, tmp_path: Path) -> None:
    """Without a terminal it asks nothing, ends with 0, and its summary and both pictures tell of five keys."""
    picture = tmp_path / "demo.svg"
    run = commands.run("demo", f"--svg={picture}")
    assert run.returncode == 0, run.stdout
    found = figures(run.stdout)
    assert {name: found.get(name) for name in FIGURES} == FIGURES
    assert len(re.findall(r"^[A-E]  [0-9a-f]{12} ", run.stdout, re.MULTILINE)) == 5
    assert len(ET.parse(picture).getroot().findall(".//{*}text[@class='key']")) == 5  # noqa: S314 - our own file
    assert commands.left() == []


async def test_an_interrupted_demo_leaves_nothing(commands: LabCommands) -> None:
    """Ctrl-C while a part is being started ends all of them."""
    demo = await commands.start("demo")
    try:
        await read_until(demo, "provider simulator: ready")
        demo.send_signal(signal.SIGINT)
        await within(demo.communicate(), 30)
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    assert demo.returncode == 130
    assert commands.left() == []
