"""The installation id: made once, kept, and any id that the operator may draw is one that it accepts."""

import pytest

from keypool.cluster.client import KubeClient
from keypool.cluster.installation import NAME, installation_id
from tests.cluster.team import Team, secret_manifest


@pytest.mark.parametrize("drawn", ["12345678", "abcdefab", "0a1b2c3d"])
async def test_an_id_is_drawn_once_and_kept(admin: KubeClient, namespace: str, drawn: str) -> None:
    assert await installation_id(admin, namespace, lambda: drawn) == drawn
    assert await installation_id(admin, namespace, lambda: "another1") == drawn


@pytest.mark.parametrize("given", ["", "UPPER", "with-dash", "much-too-long-to-be-an-id"])
async def test_an_id_that_an_administrator_got_wrong_is_named_not_replaced(
    admin: KubeClient, namespace: str, team: Team, given: str
) -> None:
    await team.apply(secret_manifest(NAME, id=given))
    with pytest.raises(ValueError, match="4 to 16 lower-case letters and digits"):
        await installation_id(admin, namespace, lambda: "12345678")
