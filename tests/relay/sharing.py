"""What relays that share verdicts show of it, and the entries of their store."""

import json
from typing import Any

from keypool_client.relay.running import Running
from keypool_client.sharing import sharing
from keypool_client.sharing.redis import PREFIX
from tests.relay.redis_server import RedisServer
from tests.relay.served import Served

STREAM = f"{PREFIX}team-a/chat"


async def state(served: Served, key: str = "chat-0") -> str:
    page = json.loads((await served.ask("/_keypool", "GET")).body)
    return str(next(each["state"] for pool in page["state"] for each in pool["keys"] if each["id"] == key))


async def is_state(served: Served, wanted: str) -> bool:
    return await state(served) == wanted


async def connects(served: Served) -> bool:
    return "keypool_relay_share_connected 1.0" in await served.metrics()


async def is_alone(served: Served) -> bool:
    return (
        "keypool_relay_share_connected 0.0" in await served.metrics() and sharing_of(served.running).connected is False
    )


def sharing_of(running: Running) -> sharing.Sharing:
    assert running.sharing is not None
    return running.sharing


async def condemns(served: Served) -> bool:
    """Asks, until the dead key was met."""
    assert (await served.ask()).status == 200
    return await state(served) == "condemned"


async def tried_the_dead_key(served: Served) -> bool:
    return 'class="credential",key_id="chat-0"' in await served.metrics()


def entry(**more: Any) -> bytes:
    """One that counts, but for what is changed. Times are in seconds from the year 1970 on, as the store has them."""
    told = {"about": "key", "account": "one", "name": "chat-0", "model": "", "since": 0, "until": 0}
    return json.dumps(told | more).encode()


async def ms(server: RedisServer) -> int:
    seconds, _ = await server.ask("TIME")
    return int(seconds) * 1000


async def heard_more(served: Served, before: int) -> bool:
    return sharing_of(served.running).heard > before


async def is_state_of(served: Served, key: str, wanted: str) -> bool:
    return await state(served, key) == wanted


async def refused(served: Served) -> bool:
    return sharing_of(served.running).refused > 0


async def has_told(served: Served) -> bool:
    return sharing_of(served.running).told > 0


async def passed_over(served: Served) -> bool:
    return sharing_of(served.running).ignored["too_large"] > 0
