"""Every attack, while it goes on and through a restart in the middle of it: `make test-abuse`."""

import sys

import pytest

from tests.abuse.attacks.answers import ANSWERS
from tests.abuse.attacks.attack import Attack
from tests.abuse.attacks.everything import EVERYTHING, PEAK_MIB
from tests.abuse.attacks.objects import OBJECTS
from tests.abuse.attacks.providers import PROVIDERS
from tests.abuse.attacks.requests import REQUESTS
from tests.abuse.conftest import SceneMaker
from tests.abuse.judge import Numbers, complaints, table
from tests.abuse.names import lacking

pytestmark = [pytest.mark.full, pytest.mark.long]
ATTACKS = (*ANSWERS, *OBJECTS, *PROVIDERS, *REQUESTS)
_WITHOUT: dict[object, list[Numbers]] = {}
"""What a bystander gets without an attack, by the load that the attack puts on the API server."""


async def without(attack: Attack, make_scene: SceneMaker) -> list[Numbers]:
    """The same with objects that keypool ignores, measured once for all attacks that make none to speak of."""
    load = attack.name if attack.weighs else attack.names
    if load not in _WITHOUT:
        async with make_scene(attack, decoy=True) as one:
            _WITHOUT[load] = await one.play(attack)
    return _WITHOUT[load]


async def plays(attack: Attack, make_scene: SceneMaker, most: float | None = None) -> list[str]:
    """What an attack did that it may not; prints the figures."""
    if attack.names and (missing := lacking()):
        pytest.skip(missing)
    other = await without(attack, make_scene)
    async with make_scene(attack, decoy=False) as one:
        found = await one.play(attack)
    sys.stdout.write(f"\n{table(attack.name, found, other)}\n")
    return complaints(found, other, most) + one.attacker.wrongs


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
async def test_an_attack_harms_nobody_else(attack: Attack, make_scene: SceneMaker) -> None:
    assert not await plays(attack, make_scene)


async def test_all_attacks_at_once_with_ten_thousand_pools_harm_nobody_else(make_scene: SceneMaker) -> None:
    assert not await plays(EVERYTHING, make_scene, PEAK_MIB)
