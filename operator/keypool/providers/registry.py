"""Which adapter drives a KeyProvider."""

import re
from importlib import import_module
from typing import Protocol, cast

from pydantic import SecretStr

from keypool.api.pool import ApiModel
from keypool.api.provider import KeyProviderSpec
from keypool.providers.adapter import Adapter
from keypool.providers.authentication import Authentication, FixedCredential
from keypool.providers.errors import CredentialRejected, Rejected
from keypool.providers.oauth import ClientCredentials
from keypool.providers.protocol import Provider
from keypool.providers.transport import Deadlines, Transport

NOBODY = SecretStr("")
"""The token endpoint's own calls authenticate the client in their own way."""


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
    url, deadlines = spec.endpoints[0].url, deadlines or Deadlines()
    _check_url("the endpoint", url, allow_insecure)
    stripped = SecretStr(credential.get_secret_value().strip())
    if spec.auth is not None and not re.fullmatch(r"[\x21-\x7e]{1,4096}", stripped.get_secret_value()):
        raise CredentialRejected("the admin credential is empty or holds characters other than printable ASCII")
    authentication: Authentication = FixedCredential(stripped)
    if spec.auth is not None and spec.auth.oauth2 is not None:
        _check_url("auth.oauth2.tokenURL", spec.auth.oauth2.token_url, allow_insecure)
        tokens = Transport(spec.auth.oauth2.token_url, NOBODY, deadlines.within(deadlines.other / 2))
        authentication = ClientCredentials(spec.auth.oauth2, stripped, tokens)
    provider = adapter_module(spec.kind).build(spec.options, Transport(url, authentication, deadlines))
    if isinstance(provider, Adapter):
        provider.tenanted = spec.tenanted
    return provider


def _check_url(what: str, url: str, allow_insecure: bool) -> None:
    if not allow_insecure and not url.startswith("https://"):
        raise Rejected(f"{what} is plain http, which the operator's administrator does not allow: use https")
