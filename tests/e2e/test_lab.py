"""`up` leaves a cluster that one can work with, and `down` leaves nothing of it."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keypool_lab.binaries import Binaries
from tests.e2e.lab_commands import LabCommands, exported, lab_commands

SAMPLES = Path(__file__).parents[2] / "manifests" / "samples"
POOL = {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "metadata": {"name": "grows"}}


class Shell:
    """What a user types after having followed what `up` printed."""

    def __init__(self, commands: LabCommands, output: str) -> None:
        self.commands, self.exports = commands, exported(output)

    def kubectl(self, *args: str, stdin: str = "") -> str:
        """Standard output of kubectl, which has to succeed."""
        path = os.pathsep.join([self.exports["PATH"], os.environ["PATH"]])
        environment = {**os.environ, "KUBECONFIG": self.exports["KUBECONFIG"], "PATH": path}
        kubectl = str(Path(self.exports["PATH"]) / "kubectl")
        run = subprocess.run(
            [kubectl, *args], input=stdin, capture_output=True, text=True, timeout=90, env=environment, check=False
        )
        assert run.returncode == 0, run.stderr
        return run.stdout


@pytest.fixture(scope="module")
def shell(binaries: Binaries) -> Iterator[Shell]:
    """A lab that is up, with the sample pools Ready."""
    with lab_commands() as commands:
        up = commands.run("up")
        assert up.returncode == 0, up.stdout
        shell = Shell(commands, up.stdout)
        shell.kubectl("apply", "-f", str(SAMPLES))
        shell.kubectl("wait", "--for=condition=Ready", "akp", "--all", "--timeout=60s")
        yield shell


def pools(shell: Shell) -> dict[str, dict[str, Any]]:
    """Every pool as kubectl tells it, by name."""
    items = json.loads(shell.kubectl("get", "akp", "--output=json"))["items"]
    return {item["metadata"]["name"]: item for item in items}


def test_get_tells_health_keys_secret_and_next_rotation(shell: Shell) -> None:
    """Pools of sizes 1, 2 and 5 are Ready, and one line of `kubectl get akp` says all that one wants to know."""
    lines = [line.split() for line in shell.kubectl("get", "akp", "chat", "chat-small", "search").splitlines()]
    assert lines[0] == ["NAME", "READY", "KEYS", "SECRET", "NEXT", "AGE"]
    assert [line[:4] for line in lines[1:]] == [
        ["chat", "True", "2/2", "chat"],
        ["chat-small", "True", "1/1", "chat-small"],
        ["search", "True", "5/5", "search-keys"],
    ]
    assert all(line[4:6] == ["rotate", "slot"] for line in lines[1:])


@pytest.mark.parametrize("options", [(), ("--server-side", "--force-conflicts")], ids=["client-side", "server-side"])
def test_applying_the_samples_again_changes_nothing(shell: Shell, options: tuple[str, ...]) -> None:
    """Neither spec nor keys: what the operator and the API server add is nobody's conflict."""
    before = {name: (pool["spec"], keys(pool)) for name, pool in pools(shell).items() if name != "grows"}
    shell.kubectl("apply", *options, "-f", str(SAMPLES))
    after = {name: (pool["spec"], keys(pool)) for name, pool in pools(shell).items() if name != "grows"}
    assert after == before


def keys(pool: dict[str, object]) -> object:
    """The fingerprints of a pool's keys and its generation."""
    status, metadata = pool["status"], pool["metadata"]
    assert isinstance(status, dict)
    assert isinstance(metadata, dict)
    return metadata["generation"], sorted(key["fingerprint"] for key in status["keys"])


def test_scale_and_delete_are_waited_for(shell: Shell) -> None:
    """`kubectl scale` adds a key; `kubectl wait` returns for Ready and for deletion."""
    pool = {**POOL, "spec": {"providerRef": {"name": "holysheep"}, "size": 1}}
    shell.kubectl("apply", "-f", "-", stdin=json.dumps(pool))
    shell.kubectl("wait", "--for=condition=Ready", "akp/grows", "--timeout=60s")
    shell.kubectl("scale", "akp/grows", "--replicas=2")
    shell.kubectl("wait", "--for=jsonpath={.status.keysSummary}=2/2", "akp/grows", "--timeout=60s")
    shell.kubectl("delete", "akp/grows", "--wait=false")
    shell.kubectl("wait", "--for=delete", "akp/grows", "--timeout=60s")


def test_up_again_says_that_it_is_up(shell: Shell) -> None:
    """And tells once more how to reach it."""
    again = shell.commands.run("up")
    assert again.returncode == 0
    assert again.stdout.startswith("a lab is up already")
    assert exported(again.stdout) == shell.exports


def test_up_starts_another_operator_where_the_labs_own_has_ended_and_keeps_the_pools(shell: Shell) -> None:
    """It would be a pity to lose them: somebody works with them."""
    before = {name: pool["metadata"] for name, pool in pools(shell).items()}
    folder = Path(shell.exports["KUBECONFIG"]).parent
    os.kill(int((folder / "operator.pid").read_text()), signal.SIGKILL)
    until = time.monotonic() + 60
    while not (folder / "operator.exit").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    again = shell.commands.run("up")
    assert again.returncode == 0, again.stdout
    assert "its operator has ended (status -9), and another one is started" in again.stdout
    assert exported(again.stdout) == shell.exports
    assert {name: pool["metadata"]["uid"] for name, pool in pools(shell).items()} == {
        name: meta["uid"] for name, meta in before.items()
    }
    assert not (folder / "operator.exit").exists()
