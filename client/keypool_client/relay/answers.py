"""Reads a provider's answer: as a whole where it is small, else as far as must be known before it goes on."""

import asyncio
from dataclasses import dataclass
from functools import partial

from aiohttp import ClientError, ClientResponse

from keypool_client.model import Key
from keypool_client.policy.outcome import FailureClass
from keypool_client.relay.buffers import Lease
from keypool_client.relay.usage import Tokens
from keypool_client.wire.echo import Veil, headers_without, text_without, without
from keypool_client.wire.headers import plain, returned
from keypool_client.wire.whole import ANSWER_HELD, Beginning, Flaw, flaw_in, room

READ_ERRORS = (ClientError, TimeoutError, OSError)
IN_A_THREAD = 64 * 1024
"""Bytes: a larger compressed answer takes milliseconds to be unpacked."""
Pairs = list[tuple[str, str]]


class Cut(Exception):
    """The answer ended before its end, or is not what it says it is."""


@dataclass(slots=True)
class Answer:
    """What came from a provider."""

    status: int
    reason: str
    headers: Pairs
    """Those that may go to the client."""
    content_type: str
    encoding: str
    length: int | None
    first_byte: float
    """Seconds from the attempt's start."""
    key: Key
    """The one that was sent."""
    veil: Veil
    """For what goes on as it comes."""
    begun: bytes = b""
    """What was read."""
    rest: ClientResponse | None = None
    """Where the rest comes from; None: it is whole."""
    stream: bool = False
    """Whether it is a stream of events, in plain text."""
    failure: FailureClass | None = None
    row: str = ""
    retry_after: float | None = None
    tokens: Tokens = (0, 0)

    def conceal(self) -> None:
        """Takes the key out of what was read as a whole. Of what goes on as it comes, errors and streams alone speak of
        keys: those go through the veil."""
        if self.rest is None and (told := without(self.begun, self.key)) != self.begun:
            self.begun, self.length = told, None

    def conceal_in(self, found: Beginning | Flaw) -> None:
        """The same for an error that is compressed. Where it holds the key, or more than was found, what was found
        goes on unpacked: what nobody looked into stays here."""
        if self.encoding in {"", "identity"}:
            return
        text, whole = (b"", False) if isinstance(found, Flaw) else (found.text, not found.more and self.rest is None)
        told = self.veil.feed(text)
        if whole and (told := told + self.veil.end()) == text:
            return
        self.close()
        self.headers = [pair for pair in self.headers if pair[0].lower() != "content-encoding"]
        self.begun, self.length, self.encoding = told, None, ""

    def told(self, piece: bytes) -> bytes:
        """What of a piece of the body may go on now."""
        return piece if self.failure is None else self.veil.feed(piece)

    def close(self) -> None:
        """It is not needed any more."""
        if self.rest is not None:
            self.rest.close()
            self.rest = None


def opened(response: ClientResponse, first_byte: float, key: Key) -> Answer:
    """Of an answer whose headers have come. `key`: the one that was sent."""
    headers = response.headers
    return Answer(
        status=response.status,
        reason=plain(text_without(response.reason or "", key)),
        headers=headers_without(returned(headers.items()), key),
        content_type=headers.get("Content-Type", ""),
        encoding=headers.get("Content-Encoding", "").strip().lower(),
        length=response.content_length,
        first_byte=first_byte,
        key=key,
        veil=Veil(key),
        rest=response,
    )


async def read_whole(answer: Answer, lease: Lease) -> None:
    """Reads all of it, or as much as may be held. Raises Cut."""
    response, length = answer.rest, answer.length
    if response is None or (length is not None and (length > ANSWER_HELD or not lease.take(length))):
        return
    pieces: list[bytes] = []
    size, content = 0, response.content
    try:
        while piece := await content.readany():
            pieces.append(piece)
            size += len(piece)
            if length is None and (size > ANSWER_HELD or not lease.take(len(piece))):
                answer.begun = b"".join(pieces)
                return
    except READ_ERRORS as error:
        raise Cut(f"HTTP {answer.status}, but the body was cut ({type(error).__name__})") from None
    answer.begun = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    answer.rest = None


async def believed(answer: Answer, lease: Lease, *, due: bool) -> None:
    """Looks into a success that was read whole. Raises Cut where it is no answer.

    A compressed one is unpacked in memory that is free; where none is, the transfer alone tells that it is whole.
    """
    space = room(answer.begun, answer.encoding)
    if not lease.take(space):
        return
    look = partial(flaw_in, answer.content_type, answer.begun, encoding=answer.encoding, length=answer.length, due=due)
    try:
        flaw: Flaw | None = await asyncio.to_thread(look) if space and len(answer.begun) > IN_A_THREAD else look()
    finally:
        lease.give(space)
    if flaw is not None:
        raise Cut(f"HTTP {answer.status}, but the body is not an answer: {flaw}")


async def read_first(answer: Answer) -> None:
    """Reads the first piece of an answer that is passed on. Raises Cut."""
    if answer.rest is None:
        return
    try:
        answer.begun = await answer.rest.content.readany()
    except READ_ERRORS as error:
        raise Cut(f"HTTP {answer.status}, but there was no body ({type(error).__name__})") from None
    if not answer.begun:
        answer.rest = None
