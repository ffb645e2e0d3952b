"""What a simulator is started with, and what can be switched while it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Words = Literal["holysheep", "openai"]


@dataclass(frozen=True, slots=True)
class Options:
    """How one simulator behaves from its start.

    `port` 0 takes a free one. `state` is the record's SQLite file, None keeps it in memory. `day` is how many seconds
    one day of a key's life lasts, `latency` how many seconds every call takes at least. `names`: the listing shows
    names. `query_only`: validation takes the key in the query string and not in the header `X-API-Key`.
    `admin_key` None takes the state file's, else a random one.
    """

    port: int = 0
    state: Path | None = None
    admin_key: str | None = None
    day: float = 86400.0
    latency: float = 0.0
    names: bool = False
    query_only: bool = False


@dataclass(slots=True)
class Switches:
    """States of the provider that are not bound to one call. Lags are in seconds after a key's creation; a key that was
    made at or after `reject_since`, in seconds since the epoch, is rejected. `words`: whose errors its OpenAI dialect
    gives. `events`: how many words each reply has (None: it repeats what was said), `pause` the seconds between the
    events of a stream."""

    listing_lag: float = 0.0
    activation_lag: float = 0.0
    reject_all: bool = False
    reject_since: float | None = None
    words: Words = "holysheep"
    events: int | None = None
    pause: float = 0.0
