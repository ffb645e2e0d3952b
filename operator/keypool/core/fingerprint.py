"""How a key's value is named where the value itself must not appear."""

import hashlib

from pydantic import SecretStr


def fingerprint(value: SecretStr) -> str:
    """The first 12 hex digits of the value's SHA-256: enough to tell keys apart, useless as a key."""
    return hashlib.sha256(value.get_secret_value().encode()).hexdigest()[:12]
