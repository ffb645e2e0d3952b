"""A program that uses a language model: it knows a base URL and a key that is none, and nothing of keypool."""

import asyncio
import time

import aiohttp

CLIENT = "demo-program"
"""Its User-Agent, by which the simulator's record tells it from others."""
API_KEY = "no-key-at-all"
EVERY_SECONDS = 0.1
ANSWER_SECONDS = 30.0


class Workload:
    """Counts every request that it makes, and every one that is not answered with 200. It never tries again."""

    def __init__(self) -> None:
        self._stop = asyncio.Event()
        self.sent = 0
        self.failures: list[tuple[float, str]] = []
        """When, in seconds since the epoch, and what happened."""

    async def run(self, base_url: str) -> None:
        """Begin a chat request every 0.1 s until stopped, whether the earlier ones are answered or not."""
        loop = asyncio.get_running_loop()
        headers = {"User-Agent": CLIENT, "Authorization": f"Bearer {API_KEY}"}
        timeout = aiohttp.ClientTimeout(ANSWER_SECONDS)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session, asyncio.TaskGroup() as requests:
            due = loop.time()
            while not self._stop.is_set():
                self.sent += 1
                requests.create_task(self._request(session, f"{base_url}/chat/completions", self.sent))
                due += EVERY_SECONDS
                await asyncio.sleep(due - loop.time())

    def stop(self) -> None:
        """Send no more; the requests that are under way are finished."""
        self._stop.set()

    def summary(self) -> str:
        """How it goes, in a few words."""
        return f"program: {self.sent} requests, {len(self.failures)} failed"

    async def _request(self, session: aiohttp.ClientSession, url: str, number: int) -> None:
        """Each one has a text of its own, so that the record tells a request that was carried out twice."""
        body = {"model": "deepseek-chat", "messages": [{"role": "user", "content": f"Tell me about {number}."}]}
        try:
            async with session.post(url, json=body) as answer:
                await answer.read()
                failure = "" if answer.status == 200 else f"status {answer.status}"
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = type(error).__name__
        if failure:
            self.failures.append((time.time(), failure))
