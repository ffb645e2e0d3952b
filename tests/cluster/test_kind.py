"""The main job on a kind cluster: another API server than our own build of it, with its own admission and defaults.

Every other test here runs there too, with CLUSTER=kind; this one is there to be asked for by its marker.
"""

import pytest

from keypool_lab.simulator import Simulator
from tests.cluster.team import Team, pool_manifest


@pytest.mark.kind
@pytest.mark.usefixtures("operator", "provider")
async def test_keys_are_made_rotated_and_revoked_on_kind(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(size=2, rotation={"overlap": {"min": "0s"}}))
    await team.ready(deadline=60)
    first = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(first, deadline=60)
    await team.delete()
    await team.gone(deadline=60)
    assert simulator.record.live_keys() == ()
