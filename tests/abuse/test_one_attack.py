"""The smallest play of two tenants. `make test-abuse` has all of them."""

from dataclasses import replace

from keypool.cluster.client import KubeClient
from keypool_lab.controlplane import Cluster
from tests.abuse.attacks.answers import ABSURD
from tests.abuse.attacks.attack import harmless
from tests.abuse.judge import RUNNING, complaints
from tests.abuse.scene import scene

TRIALS = 3
ATTACK = replace(ABSURD, ends=harmless)
"""It costs a minute to see how it ends for the attacker himself."""


async def test_usage_that_no_number_can_hold_harms_nobody_else(control_plane: Cluster, admin: KubeClient) -> None:
    async with scene(control_plane, admin, ATTACK, wide=False, decoy=False) as one:
        (without,) = [await one.measured(RUNNING, TRIALS)]
        found = await one.play(ATTACK, [RUNNING], TRIALS)
    assert not complaints(found, [without])
