"""What the README tells one to type works, taken from its text."""

import os
import re
import shutil
import subprocess
import textwrap
from pathlib import Path

from keypool_lab.binaries import Binaries
from tests.e2e.lab_commands import LabCommands, exported

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def section(title: str) -> str:
    """The text below a heading."""
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def commands_in(text: str) -> list[str]:
    """What stands behind the prompts, with the lines of a here-document."""
    blocks = re.findall(r"^ *```console\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)
    typed = [part for block in blocks for part in re.split(r"^\$ ", textwrap.dedent(block), flags=re.MULTILINE)]
    return [part.strip() for part in typed if part.strip()]


def shell(command: str, folder: Path, **environment: str) -> str:
    """Standard output of a command, which has to succeed."""
    run = subprocess.run(
        ["bash", "-euc", command],
        cwd=folder,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, f"{command}\n{run.stdout}{run.stderr}"
    return run.stdout


def test_the_commands_for_a_cluster_to_play_with_and_to_look_around_work(commands: LabCommands) -> None:
    """Those that start and end the lab are run as this test's own; the kubectl ones as they stand."""
    up = commands.run("up")
    assert up.returncode == 0, up.stdout
    exports = exported(up.stdout)
    path = os.pathsep.join([exports["PATH"], os.environ["PATH"]])
    typed = [command for command in commands_in(section("A cluster to play with")) if command.startswith("kubectl")]
    assert len(typed) >= 5
    outputs = [shell(command, ROOT, KUBECONFIG=exports["KUBECONFIG"], PATH=path) for command in typed]
    assert "condition met" in outputs[1]
    assert "scaled" in outputs[-1]
    looks = re.findall(r"`(kubectl [^`]*\bget [^`]*)`", section("Nothing happens: where to look"))
    assert len(looks) >= 5
    shown = "".join(shell(command, ROOT, KUBECONFIG=exports["KUBECONFIG"], PATH=path) for command in looks)
    assert "HOLDER" in shown
    assert "/apikeypools.keypool.dev" in shown


def test_the_overlay_for_ones_own_image_renders(binaries: Binaries, tmp_path: Path) -> None:
    """`kubectl apply -k deploy` would install the operator with that image."""
    for folder in ("manifests", "crds"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (make_overlay,) = [
        text for text in commands_in(section("On your own cluster")) if text.startswith("mkdir -p deploy")
    ]
    shell(make_overlay, tmp_path)
    rendered = shell(f"{binaries.kubectl} kustomize deploy", tmp_path)
    assert "image: registry.example.com/keypool:0.1.0" in rendered
    assert "kind: CustomResourceDefinition" in rendered
