"""Holds the start of a stream until it is known to be an answer: only then it goes to the client."""

from dataclasses import dataclass, field

from keypool_client.model import Dialect
from keypool_client.wire.content import CONTENT, NOTHING, seen
from keypool_client.wire.sse import Splitter

EVENTS_HELD = 64
BYTES_HELD = 256 * 1024


@dataclass(frozen=True, slots=True)
class Undecided:
    """Nothing was said yet: go on holding."""


@dataclass(frozen=True, slots=True)
class Commit:
    """Send what is held; the stream never changes its source from here on."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The stream is no answer. Nothing of it went to the client, so that another one may be asked for."""

    body: bytes = field(repr=False)
    """The provider's error, as an answer of its own would say it: to be classified. Empty where there is none."""
    cut: bool = False
    """The stream ended before it said anything."""


Decision = Undecided | Commit | Failed
UNDECIDED, COMMIT = Undecided(), Commit()


class Opening:
    """Feed it the stream's chunks until it has decided, or `end` when the stream does; then leave it alone.

    The relay's clock has a say as well: after 5 s, what is held is sent.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._splitter = Splitter(BYTES_HELD)
        self._events = 0
        self._held: list[bytes] = []
        self.size = 0
        """Bytes held."""

    @property
    def held(self) -> bytes:
        """All that came, byte for byte."""
        return b"".join(self._held)

    def feed(self, chunk: bytes) -> Decision:
        """What the stream is, now that this came."""
        self._held.append(chunk)
        self.size += len(chunk)
        for event in self._splitter.feed(chunk):
            self._events += 1
            what = seen(self._dialect, event)
            if isinstance(what, bytes):
                return Failed(what)
            if what == CONTENT or self._events >= EVENTS_HELD:
                return COMMIT
        return COMMIT if self.size >= BYTES_HELD else UNDECIDED

    def end(self) -> Decision:
        """The stream ended. A last event without its empty line counts, since SDKs read it as well."""
        for event in self._splitter.feed(b"\n\n"):
            what = seen(self._dialect, event)
            if isinstance(what, bytes):
                return Failed(what)
            if what != NOTHING:
                return COMMIT
        # Some gateways answer with an error as it is, and call it an event stream.
        held = self.held.strip()
        return Failed(held if held.startswith(b"{") else b"", cut=True)
