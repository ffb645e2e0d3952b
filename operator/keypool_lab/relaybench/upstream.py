"""`python -m keypool_lab.relaybench.upstream`: a provider that costs next to nothing, so that it is never what is slow.

It answers every POST with the same chat, or with a stream as `"lab": {"events": n, "rate": n}` in the body asks. Each
event of a stream says its number and when it was due, in seconds of the monotonic clock, which all processes share.
"""

import asyncio
import json
import re
import time
from typing import cast

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHAT = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Well, thank you."}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13},
}
_BODY = json.dumps(_CHAT).encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_1\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_BODY),
    _BODY,
)
_STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{"content":"%d %.6f "},"finish_reason":null}]}\n\n'
)
_LAST = (
    b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","choices":'
    b'[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
)


class Serving(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._got += data
        while (end := self._got.find(b"\r\n\r\n")) >= 0:
            length = _LENGTH.search(self._got, 0, end)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._got) < whole:
                return
            body, self._got = self._got[end + 4 : whole], self._got[whole:]
            self._answer(body)

    def _answer(self, body: bytes) -> None:
        if b'"lab"' not in body:
            self._transport.write(ANSWER)
            return
        lab = json.loads(body)["lab"]
        self._transport.write(_STREAM)
        _Stream(self._transport, int(lab["events"]), float(lab["rate"])).say()


class _Stream:
    """Says an event whenever one is due."""

    def __init__(self, transport: asyncio.Transport, events: int, rate: float) -> None:
        self._transport, self._events, self._rate = transport, events, rate
        self._loop, self._began, self._said = asyncio.get_running_loop(), time.monotonic(), 0

    def say(self) -> None:
        """One event; the last one is followed by the end."""
        if self._transport.is_closing():
            return
        self._transport.write(_chunk(_EVENT % (self._said, self._due())))
        self._said += 1
        if self._said < self._events:
            self._loop.call_at(self._due(), self.say)
        else:
            self._transport.write(_chunk(_LAST) + b"0\r\n\r\n")

    def _due(self) -> float:
        return self._began + self._said / self._rate


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def main() -> None:
    """Serves until it is ended; says its port."""
    server = await asyncio.get_running_loop().create_server(Serving, "127.0.0.1", 0, backlog=2048)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
