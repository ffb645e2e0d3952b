"""How a key's value is named where the value itself must not appear."""

import hashlib

from pydantic import SecretStr

SHOWN = 12
"""Hex digits of a digest that are shown."""


def digest(value: SecretStr) -> str:
    """The value's SHA-256 in hex."""
    return hashlib.sha256(value.get_secret_value().encode()).hexdigest()


def fingerprint(value: SecretStr) -> str:
    """The beginning of the digest: enough to tell keys apart, useless as a key."""
    return digest(value)[:SHOWN]
