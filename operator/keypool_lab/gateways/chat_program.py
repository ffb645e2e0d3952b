"""The stand-in for a language model as a program: `python -m keypool_lab.gateways.chat_program PORT`, on loopback."""

import sys
import time
from typing import Any

from aiohttp import web

from keypool_lab.gateways.chat import ANSWER, COMPLETION_TOKENS, MODEL, PROMPT_TOKENS


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
