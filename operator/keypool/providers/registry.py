"""Which adapter drives a KeyProvider."""

import re

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.errors import CredentialRejected, Rejected
from keypool.providers.holysheep import DEADLINES, HolySheepProvider
from keypool.providers.protocol import Provider
from keypool.providers.transport import Deadlines


def build(
    spec: KeyProviderSpec, credential: SecretStr, allow_insecure: bool, deadlines: Deadlines = DEADLINES
) -> Provider:
    """The adapter for `spec`; opens no connection yet. White space around the credential is dropped.

    Raises `Rejected` for plain http unless `allow_insecure`, `CredentialRejected` for a credential that no HTTP header
    can carry.
    """
    url = spec.endpoints[0].url
    if not allow_insecure and not url.startswith("https://"):
        raise Rejected("the endpoint is plain http, which the operator's administrator does not allow: use https")
    stripped = SecretStr(credential.get_secret_value().strip())
    if not re.fullmatch(r"[\x21-\x7e]{1,4096}", stripped.get_secret_value()):
        raise CredentialRejected("the admin credential is empty or holds characters other than printable ASCII")
    return HolySheepProvider(url, stripped, lists_names=spec.holy_sheep.lists_names, deadlines=deadlines)
