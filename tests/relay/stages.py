"""Where an answer can stand still, and a provider that stands still there."""

import asyncio

from tests.relay.upstream import CHAT, STREAM, Answer, Heard, chunk, delta, full

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
STAGES = {
    "before a byte": b"",
    "in the headers": HEAD + b"X-Som",
    "in the body": full(CHAT)[:-20],
    "in a chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk(CHAT)[:-20],
    "before an event": STREAM,
    "in the first event": STREAM + chunk(delta("one")[:20]),
    "between two events": STREAM + chunk(delta("one")),
    "in the second event": STREAM + chunk(delta("one")) + chunk(delta("two")[:20]),
}


class Standing:
    """Answers with the beginning, and waits until `go_on` is set; then comes the rest."""

    def __init__(self, begun: bytes, rest: bytes = b"") -> None:
        self._begun, self._rest = begun, rest
        self.reached, self.go_on = asyncio.Event(), asyncio.Event()

    async def __call__(self, heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(self._begun)
        await writer.drain()
        self.reached.set()
        await self.go_on.wait()
        writer.write(self._rest)
        await writer.drain()


def saying(raw: bytes, *, then_close: bool = True) -> Answer:
    """Answers with these bytes."""

    async def answer(heard: Heard, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if then_close:
            writer.close()

    return answer
