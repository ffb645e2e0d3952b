"""Which adapter drives a KeyProvider."""

import re
from importlib import import_module
from typing import Protocol, cast

from pydantic import SecretStr

from keypool.api.pool import ApiModel
from keypool.api.provider import KeyProviderSpec
from keypool.providers.errors import CredentialRejected, Rejected
from keypool.providers.protocol import Provider
from keypool.providers.transport import Deadlines, Transport


class AdapterModule(Protocol):
    """What a module of this package has that drives one kind of provider."""

    def build(self, options: ApiModel, transport: Transport) -> Provider:
        """The adapter; `options` is the model of the kind's field in the spec. Opens no connection."""
        ...


def adapter_module(kind: str) -> AdapterModule:
    """The module for a field of the spec, such as holySheep: keypool.providers.holysheep."""
    return cast("AdapterModule", import_module(f"keypool.providers.{kind.lower()}"))


def build(
    spec: KeyProviderSpec, credential: SecretStr, allow_insecure: bool, deadlines: Deadlines | None = None
) -> Provider:
    """The adapter for `spec`; opens no connection yet. White space around the credential is dropped.

    Raises `Rejected` for plain http unless `allow_insecure`, `CredentialRejected` for a credential that no HTTP header
    can carry.
    """
    url = spec.endpoints[0].url
    if not allow_insecure and not url.startswith("https://"):
        raise Rejected("the endpoint is plain http, which the operator's administrator does not allow: use https")
    stripped = SecretStr(credential.get_secret_value().strip())
    if spec.auth is not None and not re.fullmatch(r"[\x21-\x7e]{1,4096}", stripped.get_secret_value()):
        raise CredentialRejected("the admin credential is empty or holds characters other than printable ASCII")
    transport = Transport(url, stripped, deadlines or Deadlines())
    return adapter_module(spec.kind).build(spec.options, transport)
