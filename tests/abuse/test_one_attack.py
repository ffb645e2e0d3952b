"""The smallest play of two tenants. `make test-abuse` has all of them."""

from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from tests.abuse.attacks.answers import CROWDED
from tests.abuse.judge import RUNNING, complaints
from tests.abuse.scene import scene
from tests.waiting import PATIENCE

TRIALS = 3


async def test_a_listing_too_long_to_read_harms_nobody_but_whose_provider_it_is(
    control_plane: Cluster, admin: KubeClient
) -> None:
    async with scene(control_plane, admin, CROWDED, wide=False, decoy=False) as one:
        without = await one.measured(RUNNING, TRIALS)
        found = await one.play(CROWDED, [RUNNING], TRIALS)
    assert not complaints(found, [without], patience=PATIENCE)
