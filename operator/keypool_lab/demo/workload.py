"""A stand-in for a pod that uses a pool's key: it reads the key anew for each request, and knows nothing of keypool."""

import asyncio
from pathlib import Path

import aiohttp
from pydantic import SecretStr

from keypool.core.fingerprint import fingerprint

CLIENT = "demo-workload"
"""Its User-Agent, by which the simulator's record tells it from others."""
EVERY_SECONDS = 0.2
ANSWER_SECONDS = 5.0
_BODY = {"model": "deepseek-chat", "messages": [{"role": "user", "content": "Hello"}]}


class Workload:
    """Counts every request that it makes, and every one that is not answered with 200. It never tries again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stop = asyncio.Event()
        self.sent = 0
        self.failures: list[str] = []
        self.key_in_use = ""
        """Fingerprint of the key that served the last request that was answered."""

    async def run(self) -> None:
        """Send a chat request every 0.2 s, until stopped."""
        loop, timeout = asyncio.get_running_loop(), aiohttp.ClientTimeout(ANSWER_SECONDS)
        async with aiohttp.ClientSession(headers={"User-Agent": CLIENT}, timeout=timeout) as session:
            due = loop.time()
            while not self._stop.is_set():
                await self._request(session)
                due += EVERY_SECONDS
                await asyncio.sleep(due - loop.time())

    def stop(self) -> None:
        """Send no more; the request that is under way is finished."""
        self._stop.set()

    def summary(self) -> str:
        """How it goes, in a few words."""
        return f"workload: {self.sent} requests, {len(self.failures)} failed"

    async def _request(self, session: aiohttp.ClientSession) -> None:
        self.sent += 1
        try:
            key, url = self._read("apiKey"), self._read("baseURL")
            headers = {"Authorization": f"Bearer {key}"}
            async with session.post(f"{url}/chat/completions", json=_BODY, headers=headers) as answer:
                await answer.read()
                if answer.status == 200:
                    self.key_in_use = fingerprint(SecretStr(key))
                else:
                    self.failures.append(f"status {answer.status}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.failures.append(type(error).__name__)

    def _read(self, name: str) -> str:
        return (self._folder / name).read_text()
