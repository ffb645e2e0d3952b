"""A leak is reported while the token server is down: it is answered with the token in hand."""

from functools import partial

import pytest

from keypool.providers.oauth import LEEWAY
from keypool.providers.registry import build
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.team import Team, pool_manifest
from tests.cluster.test_oauth_provider import client_secret, oauth_provider
from tests.contract.oauth_server import CLIENT_SECRET, OAuthServer, serving
from tests.waiting import eventually

LIFE = 3600.0


class Seconds:
    """By which tokens end."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("trouble", "down"), [("status", 5), ("silent", 60), ("status", 600)])
async def test_a_leak_is_contained_while_the_token_server_is_down(
    make_operator: OperatorMaker, team: Team, simulator: Simulator, trouble: str, down: int
) -> None:
    seconds, one = Seconds(), make_operator("one")
    one.build = partial(build, clock=seconds)
    await one.start()

    async def gone(value: str | None) -> bool:
        return value not in {key.value for key in simulator.record.live_keys()}

    async with serving(OAuthServer(lambda: simulator.admin_key, expires_in=LIFE)) as server:
        await team.apply(client_secret(CLIENT_SECRET, simulator, server), oauth_provider(simulator, server))
        await team.apply(pool_manifest())
        await team.ready()
        leaked, name = await team.value(), (await team.keys())[0]["name"]
        seconds.now = LIFE - LEEWAY
        server.status, server.silent = (503, False) if trouble == "status" else (200, True)
        await team.annotate("chat", compromised=name)
        assert await team.changes(leaked or "", deadline=5)
        await eventually(lambda: gone(leaked), 5, "the leaked key is revoked")
        assert len(server.asked) == 2, "one fetch failed, and nothing waited for it"
        server.status, server.silent, seconds.now = 200, False, seconds.now + down
        server.over.set()
        await team.apply(pool_manifest("later"))
        await team.ready("later")
