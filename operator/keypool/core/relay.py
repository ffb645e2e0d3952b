"""What a workload must know of a provider beside the keys: request formats, URLs, certificates, and which limits keys
share. Plain values, as a ledger keeps them for the times at which the provider object cannot be read."""

from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from keypool.api.provider_options import Dialect

Per = Literal["key", "account"]


class Relay(BaseModel):
    """`bases`: for each endpoint, in the spec's order, the base URLs of the `dialects`. `ca`: certificates in PEM that
    are trusted there beside the public ones. `rate_per`, `credit_per`: what has such a limit of its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: str
    dialects: tuple[Dialect, ...]
    bases: tuple[tuple[str, ...], ...]
    ca: str | None = None
    rate_per: Per = "key"
    credit_per: Per = "key"


@lru_cache(maxsize=1024)
def shared(relay: Relay) -> Relay:
    """The same value in one object: thousands of ledgers have it."""
    return relay
