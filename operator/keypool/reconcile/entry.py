"""One provider object as this process knows it: its client, and what that was made from."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import urlsplit

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_auth import CaRef
from keypool.core.grievances import Grievances
from keypool.providers.authorities import certificates
from keypool.providers.protocol import Provider


@dataclass
class Entry:
    """One provider object. It outlives its object as long as there are keys at it, which may be owed.

    `trusted`: the provider took the credential, and the account is the one that has our keys. `kept`: this very
    credential is stored beside the ledgers. `authorities`: the Secret that the certificates in `spec` came from, None
    where they stand in the object itself. `grievances`: what the provider refuses to it. `accepted`: when the provider
    last took the credential, `listed` how many keys it listed then, and `requests` how many requests that took.
    """

    uid: str
    name: str
    spec: KeyProviderSpec
    credential: SecretStr
    provider: Provider
    trusted: bool = False
    kept: bool = False
    authorities: CaRef | None = None
    grievances: Grievances = field(default_factory=Grievances)
    accepted: datetime | None = None
    listed: int = 0
    requests: int = 1

    @cached_property
    def bundle(self) -> str:
        """The certificates that it trusts beside the public ones, in PEM: its client was made with them."""
        return certificates(self.spec.ca_bundle) if self.spec.ca_bundle is not None else ""

    @property
    def host(self) -> str:
        """Where its calls go: the host, and port, of the endpoint in use."""
        endpoints = self.provider.endpoints()
        urls = [endpoint.url for endpoint in endpoints if endpoint.in_use] or [each.url for each in endpoints]
        return urlsplit(urls[0] if urls else self.provider.base_url).netloc.lower()

    def has(self, spec: KeyProviderSpec, credential: SecretStr) -> bool:
        """Whether it was made from these; the request budget is not the client's."""
        same = self.spec.model_copy(update={"request_budget": spec.request_budget})
        return same == spec and self.credential == credential
