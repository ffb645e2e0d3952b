"""What a pool's `keys.json` says, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Dialect = Literal["openai", "anthropic", "gemini", "azure"]
DIALECTS: tuple[Dialect, ...] = ("openai", "anthropic", "gemini", "azure")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A door to the provider's account."""

    name: str
    """Unique in the file."""
    bases: Mapping[Dialect, str]
    """The base URL of each dialect that is spoken here, without a slash at its end."""
    ca: str | None = None
    """Certificates in PEM that are trusted here beside the public ones."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key that may be used."""

    id: str
    """Its public id: never secret, the same in metrics, logs and the pool's status."""
    value: str = field(repr=False)
    """The secret itself."""
    endpoints: tuple[str, ...]
    """The names of the endpoints at which it is valid."""
    rate_group: str
    """Keys of one rate group share their rate limits: the key itself, or the account."""
    credit_group: str
    """Keys of one credit group share their credit: the key itself, or the account."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One `keys.json`."""

    name: str
    """NAMESPACE/NAME of the ApiKeyPool."""
    provider: str
    """The provider's kind, as manifests write it, such as holySheep."""
    account: str
    """An opaque name: two pools with the same one share an account."""
    dialects: tuple[Dialect, ...]
    """Those that the pool speaks, the preferred one first."""
    endpoints: tuple[Endpoint, ...]
    """In order of preference."""
    keys: tuple[Key, ...]
    """In the order of the slots."""
