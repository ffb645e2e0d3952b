"""However a lab ends, nothing is left of it."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from keypool_lab.controlplane import Cluster
from tests.conftest import Kubectl
from tests.e2e.lab_commands import LabCommands, exported, read_until
from tests.waiting import eventually, within


def test_down_ends_what_up_started(commands: LabCommands) -> None:
    """`up` returns and leaves a lab running; `down` waits until it is gone; a second one finds nothing to end."""
    up = commands.run("up")
    assert Path(exported(up.stdout)["KUBECONFIG"]).exists()
    down = commands.run("down")
    assert (down.returncode, down.stdout) == (0, "the lab is gone\n")
    assert commands.left() == []
    again = commands.run("down")
    assert (again.returncode, again.stdout) == (0, "no lab is up\n")


async def test_down_ends_a_lab_whose_up_was_killed(commands: LabCommands) -> None:
    """SIGKILL of `up` in the middle: what it began goes on in the background, until `down`."""
    up = await commands.start("up")
    await read_until(up, "control plane")
    up.kill()
    await up.wait()
    await asyncio.to_thread(commands.run, "down")
    assert commands.left() == []


async def test_a_lab_whose_holder_was_killed_is_gone(commands: LabCommands) -> None:
    """SIGKILL of the process that holds it takes all parts along; the next command says so."""
    holder = await commands.start("up", "--foreground")
    await read_until(holder, "End it all")
    holder.kill()
    await holder.wait()

    async def processes_gone() -> bool:
        assert [found for found in commands.left() if "lab.json" not in found] == []
        return True

    await eventually(processes_gone, what="processes and folder gone")
    assert (await asyncio.to_thread(commands.run, "down")).stdout == "cleaned up after a lab that was killed\n"
    assert commands.left() == []


async def test_ctrl_c_ends_a_lab_in_the_foreground(commands: LabCommands) -> None:
    """`make run` ends without a complaint, and with nothing left."""
    holder = await commands.start("up", "--foreground")
    await read_until(holder, "End it all")
    holder.send_signal(signal.SIGINT)
    output, _ = await within(holder.communicate(), 60)
    assert (holder.returncode, b"Traceback" in output) == (0, False)
    assert commands.left() == []


async def test_an_operator_that_is_told_to_stop_releases_the_lease(
    control_plane: Cluster, kubectl: Kubectl, namespace: str, tmp_path: Path
) -> None:
    """SIGTERM ends the process within 5 s with exit code 0; the next replica need not wait for the Lease to expire."""
    environment = {
        **os.environ,
        "KEYPOOL_KUBECONFIG": str(control_plane.admin_kubeconfig),
        "KEYPOOL_NAMESPACE": namespace,
        "KEYPOOL_NAMESPACES": namespace,
        "KEYPOOL_HTTP_PORT": "0",
    }
    log = tmp_path / "log"
    with log.open("wb") as writing:
        operator = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "keypool", env=environment, stdout=subprocess.DEVNULL, stderr=writing
        )

    async def holder() -> str:
        run = await kubectl("get", "lease", "keypool", "--output=json")
        return str((json.loads(run.stdout or "{}").get("spec") or {}).get("holderIdentity") or "")

    try:
        await eventually(holder, 30, "the operator leads")
        operator.terminate()
        await within(operator.wait(), 30)
    finally:
        if operator.returncode is None:
            operator.kill()
            await operator.wait()
    assert operator.returncode == 0
    assert await holder() == ""
    assert re.findall(rb'"level": "(?:error|critical)".*', log.read_bytes()) == []
