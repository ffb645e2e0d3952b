"""A stand-in for a language model behind a gateway: OpenAI's chat completions, as far as a gateway uses them.

`python -m keypool_lab.gateways.chat PORT` serves it on loopback until it is ended.
"""

import sys
import time
from typing import Any

from aiohttp import web

from keypool_lab.gateways.server import Server, answers_ok

MODEL = "small"
ANSWER = "pong from the small server"
PROMPT_TOKENS = 10
COMPLETION_TOKENS = 5
DOLLARS_PER_TOKEN = 0.001
"""What the gateways are told a token costs, so that limits are reached with few calls."""


class Chat(Server):
    """The stand-in in a process of its own."""

    name = "chat"

    @property
    def base_url(self) -> str:
        """What an OpenAI client calls the base URL."""
        return f"{self.url}/v1"

    def prepare(self) -> tuple[list[str], dict[str, str]]:
        """This module as a program."""
        return [sys.executable, "-m", __name__, str(self.port)], {}

    def ready(self) -> bool:
        """Whether it lists its model."""
        return answers_ok(self.port, "/v1/models")


def application() -> web.Application:
    """The server's routes."""
    app = web.Application()
    app.add_routes([web.get("/v1/models", _models), web.post("/v1/chat/completions", _chat)])
    return app


async def _models(request: web.Request) -> web.Response:
    del request
    return web.json_response(
        {"object": "list", "data": [{"id": MODEL, "object": "model", "created": 0, "owned_by": "keypool"}]}
    )


async def _chat(request: web.Request) -> web.Response:
    asked: dict[str, Any] = await request.json()
    usage = {"prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS}
    choice = {"index": 0, "message": {"role": "assistant", "content": ANSWER}, "finish_reason": "stop"}
    return web.json_response(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": asked["model"],
            "choices": [choice],
            "usage": {**usage, "total_tokens": sum(usage.values())},
        }
    )


if __name__ == "__main__":
    web.run_app(application(), host="127.0.0.1", port=int(sys.argv[1]), print=None)
