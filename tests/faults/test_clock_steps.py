"""The operator's process on a node whose clock is set while it runs, forwards by a year and backwards by hours."""

from pathlib import Path

import pytest

from keypool_lab.controlplane import Cluster
from keypool_lab.simulator import Options, Simulator
from tests.cluster.rights import ACCOUNT
from tests.cluster.team import (
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.faults.processes import replica

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"), None)


class NodeClock:
    """The wall clock of processes that are started now; their monotonic clocks go on."""

    def __init__(self, file: Path, environment: pytest.MonkeyPatch) -> None:
        self._file = file
        self.set("+0")
        environment.setenv("LD_PRELOAD", str(LIBRARY))
        environment.setenv("FAKETIME_TIMESTAMP_FILE", str(file))
        environment.setenv("FAKETIME_NO_CACHE", "1")
        environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")

    def set(self, ahead: str) -> None:
        """Sets it ahead of the truth, as in +365d or -2h."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{ahead}\n")
        new.replace(self._file)


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed (Debian: faketime)")
async def test_a_nodes_clock_that_is_set_in_mid_overlap_revokes_nothing_until_it_is_right_again(
    control_plane: Cluster, system: str, team: Team, tmp_path: Path
) -> None:
    kubeconfig = await control_plane.kubeconfig_for(system, ACCOUNT)
    with pytest.MonkeyPatch.context() as environment:
        node = NodeClock(tmp_path / "clock", environment)
        async with Simulator(Options()) as simulator, replica(kubeconfig, system, team.namespace) as one:
            environment.undo()
            await one.leads()
            admin = admin_secret(simulator)
            await team.apply(admin, provider_manifest(simulator.url))
            await team.apply(pool_manifest(rotation={"overlap": {"min": "8s"}}))
            await team.ready()
            old = await team.value()
            await team.annotate("chat", rotate="now")
            both = {old, new := await team.changes(old)}
            node.set("+365d")
            await team.has("chat", "Revoked", "False", "ClockUncertain")
            assert {key.value for key in simulator.record.live_keys()} == both
            node.set("-2h")
            await team.considered()
            assert {key.value for key in simulator.record.live_keys()} == both
            node.set("+0")
            await team.poke()
            await team.has("chat", "Revoked", "True")
            assert {key.value for key in simulator.record.live_keys()} == {new}
