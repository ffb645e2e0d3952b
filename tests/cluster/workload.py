"""A workload: does a key work at the provider?"""

import aiohttp

from keypool_lab.simulator import Simulator


async def answer_to(simulator: Simulator, key: str) -> int:
    """The status of a chat request with this key."""
    body = {"model": "any", "messages": [{"role": "user", "content": "hello"}]}
    headers = {"Authorization": f"Bearer {key}"}
    timeout = aiohttp.ClientTimeout(total=10)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(f"{simulator.url}/chat/completions", json=body, headers=headers) as response,
    ):
        return response.status


async def works(simulator: Simulator, key: str | None) -> bool:
    """Whether the provider answers 200 to a chat request with this key."""
    return key is not None and await answer_to(simulator, key) == 200
