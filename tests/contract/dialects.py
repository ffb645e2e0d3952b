"""How a program without an SDK calls the simulator in each dialect."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from keypool_lab.simulator import Simulator

CHAT = {"messages": [{"role": "user", "content": "hello there"}]}


@dataclass(frozen=True, slots=True)
class Way:
    """One operation. `path` is below the endpoint's root, `header` carries the key, `text` finds the reply."""

    dialect: str
    path: str
    header: Callable[[str], Mapping[str, str]]
    body: Mapping[str, Any]
    text: Callable[[Any], str]
    streams: Mapping[str, Any] = field(default_factory=dict)
    stream_path: str = ""


@dataclass(slots=True)
class Reply:
    """What came back; `parsed` where it is JSON, `events` what a stream's data fields say."""

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def parsed(self) -> Any:
        """The JSON."""
        return json.loads(self.raw)

    @property
    def events(self) -> list[str]:
        """The data of each event."""
        lines = self.raw.decode().replace("\r\n", "\n").split("\n")
        return [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]


def _bearer(value: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {value}"}


GEMINI = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
_AZURE = "/openai/deployments/d/chat/completions?api-version=2024-10-21"
_STREAM: dict[str, Any] = {"stream": True}
WAYS: Mapping[str, Way] = {
    "openai chat": Way(
        "openai",
        "/v1/chat/completions",
        _bearer,
        {"model": "m", **CHAT},
        lambda answer: answer["choices"][0]["message"]["content"],
        _STREAM,
    ),
    "openai responses": Way(
        "openai",
        "/v1/responses",
        _bearer,
        {"model": "m", "input": "hello there"},
        lambda answer: answer["output"][0]["content"][0]["text"],
        _STREAM,
    ),
    "openai completions": Way(
        "openai",
        "/v1/completions",
        _bearer,
        {"model": "m", "prompt": "hello there"},
        lambda answer: answer["choices"][0]["text"],
        _STREAM,
    ),
    "anthropic": Way(
        "anthropic",
        "/v1/messages",
        lambda value: {"x-api-key": value},
        {"model": "m", "max_tokens": 9, **CHAT},
        lambda answer: answer["content"][0]["text"],
        _STREAM,
    ),
    "gemini": Way(
        "gemini",
        "/v1beta/models/m:generateContent",
        lambda value: {"x-goog-api-key": value},
        GEMINI,
        lambda answer: answer["candidates"][0]["content"]["parts"][0]["text"],
        stream_path="/v1beta/models/m:streamGenerateContent?alt=sse",
    ),
    "azure": Way(
        "azure",
        _AZURE,
        lambda value: {"api-key": value},
        CHAT,
        lambda answer: answer["choices"][0]["message"]["content"],
        _STREAM,
    ),
}


class Program:
    """Calls one simulator, by default with one key."""

    def __init__(self, session: aiohttp.ClientSession, simulator: Simulator) -> None:
        self._session, self._simulator = session, simulator
        self.key_id = self.value = ""

    async def create(self, **terms: object) -> tuple[str, str]:
        """Another key: its id and its value."""
        headers = _bearer(self._simulator.admin_key)
        url = f"{self._simulator.url}/keys"
        async with self._session.post(url, json={"name": "n", **terms}, headers=headers) as response:
            made = await response.json()
        return made["id"], made["key"]

    async def call(
        self,
        way: Way,
        headers: Mapping[str, str] | None = None,
        *,
        stream: bool = False,
        value: str | None = None,
        url: str | None = None,
    ) -> Reply:
        """One request, at another endpoint where `url` (a base URL with /v1) says so."""
        root = (url or self._simulator.url).removesuffix("/v1")
        path = way.stream_path if stream and way.stream_path else way.path
        body = {**way.body, **(way.streams if stream else {})}
        sent = {**way.header(self.value if value is None else value), **(headers or {})}
        async with self._session.post(root + path, json=body, headers=sent, allow_redirects=False) as response:
            return Reply(response.status, response.headers.copy(), await response.read())


@asynccontextmanager
async def program_of(simulator: Simulator) -> AsyncIterator[Program]:
    """A program with a key."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
        program = Program(session, simulator)
        program.key_id, program.value = await program.create()
        yield program
