"""Reads a provider's answer: as a whole where it is small, else as far as must be known before it goes on."""

from dataclasses import dataclass

from aiohttp import ClientError, ClientResponse

from keypool_client.policy.outcome import FailureClass
from keypool_client.relay.buffers import Lease
from keypool_client.wire.headers import returned

MOST_WHOLE = 1024 * 1024
MOST_JUDGED = 64 * 1024
READ_ERRORS = (ClientError, TimeoutError, OSError)
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
    begun: bytes = b""
    """What was read."""
    rest: ClientResponse | None = None
    """Where the rest comes from; None: it is whole."""
    stream: bool = False
    """Whether it is a stream of events."""
    failure: FailureClass | None = None
    row: str = ""
    retry_after: float | None = None
    first_byte: float | None = None
    usage: tuple[int, int] | None = None
    """Tokens of the question and of the answer."""

    def close(self) -> None:
        """It is not needed any more."""
        if self.rest is not None:
            self.rest.close()
            self.rest = None


def opened(response: ClientResponse, first_byte: float) -> Answer:
    """Of an answer whose headers have come."""
    pairs = list(response.headers.items())
    return Answer(response.status, response.reason or "", returned(pairs), rest=response, first_byte=first_byte)


async def read_whole(answer: Answer, lease: Lease) -> None:
    """Reads all of it, or as much as may be held. Raises Cut."""
    response = answer.rest
    if response is None:
        return
    length = response.content_length
    if length is not None and (length > MOST_WHOLE or not lease.take(length)):
        return
    pieces: list[bytes] = []
    size, content = 0, response.content
    try:
        while piece := await content.readany():
            pieces.append(piece)
            size += len(piece)
            if length is None and (size > MOST_WHOLE or not lease.take(len(piece))):
                answer.begun = b"".join(pieces)
                return
    except READ_ERRORS:
        raise Cut from None
    answer.begun = pieces[0] if len(pieces) == 1 else b"".join(pieces)
    answer.rest = None


async def read_first(answer: Answer) -> None:
    """Reads the first piece of an answer that is passed on. Raises Cut."""
    if answer.rest is not None:
        try:
            answer.begun = await answer.rest.content.readany()
        except READ_ERRORS:
            raise Cut from None
