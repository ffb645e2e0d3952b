"""Which adapter drives a KeyProvider."""

import re
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from ssl import SSLContext
from typing import Protocol, cast
from urllib.parse import urlsplit

import httpx
from pydantic import SecretStr

from keypool.api.model import ApiModel
from keypool.api.provider import KeyProviderSpec
from keypool.core.breaker import COOL_DOWN
from keypool.providers.adapter import Adapter
from keypool.providers.addresses import can_be_looked_up, is_odd_number
from keypool.providers.answers import UNSHARED, Share
from keypool.providers.authentication import Authentication, FixedCredential
from keypool.providers.authorities import Authorities, AuthoritiesUnusable
from keypool.providers.endpoints import Endpoints
from keypool.providers.errors import CertificatesUnusable, CredentialRejected, EndpointRefused
from keypool.providers.meter import Meter
from keypool.providers.oauth import ClientCredentials, token_server
from keypool.providers.protocol import Provider
from keypool.providers.proxy import Proxy
from keypool.providers.reach import PUBLIC, Reach
from keypool.providers.transport import Deadlines, Transport

NOBODY = SecretStr("")
"""The token endpoint's own calls authenticate the client in their own way."""
_PUBLIC = Authorities()


class AdapterModule(Protocol):
    """What a module of this package has that drives one kind of provider."""

    def build(self, options: ApiModel, transport: Transport) -> Provider:
        """The adapter; `options` is the model of the kind's field in the spec. Opens no connection."""
        ...


def adapter_module(kind: str) -> AdapterModule:
    """The module for a field of the spec, such as holySheep: keypool.providers.holysheep."""
    return cast("AdapterModule", import_module(f"keypool.providers.{kind.lower()}"))


def build(
    spec: KeyProviderSpec,
    credential: SecretStr,
    *,
    allow_insecure: bool,
    reach: Reach = PUBLIC,
    deadlines: Deadlines | None = None,
    meter: Meter | None = None,
    cool_down: float = COOL_DOWN,
    authorities: Authorities | None = None,
    proxy: Proxy | None = None,
    share: Share = UNSHARED,
    clock: Callable[[], float] = time.monotonic,
) -> Provider:
    """The adapter for `spec`; opens no connection yet. White space around the credential is dropped. `cool_down`:
    seconds for which an endpoint that failed is left alone; `meter` counts the
    account's requests, but not those for OAuth tokens. `authorities` are trusted beside those of the spec; `proxy`:
    through which the account and its token server are called. `share`: what of the operator's memory their answers
    may take. `clock`: monotonic seconds, by which OAuth tokens end.

    Raises `EndpointRefused` for plain http unless `allow_insecure`, and for an address that `reach` does
    not allow (names are checked when they are looked up); `CredentialRejected` for a credential that no HTTP
    header can carry; `CertificatesUnusable` for a `caBundle` that is none.
    """
    deadlines = deadlines or Deadlines()
    check = partial(_check_url, allow_insecure=allow_insecure, reach=reach)
    for index, endpoint in enumerate(spec.endpoints):
        check(f"endpoints[{index}].url", endpoint.url)
    stripped = SecretStr(credential.get_secret_value().strip())
    if spec.auth is not None and not re.fullmatch(r"[\x21-\x7e]{1,4096}", stripped.get_secret_value()):
        raise CredentialRejected("the admin credential is empty or holds characters other than printable ASCII")
    tls = _tls(spec, authorities, share)
    authentication: Authentication = FixedCredential(stripped)
    if spec.auth is not None and spec.auth.oauth2 is not None:
        check("auth.oauth2.tokenURL", spec.auth.oauth2.token_url)
        server = token_server(spec.auth.oauth2.token_url)
        soon = deadlines.within(deadlines.other / 2)
        tokens = Transport(server, NOBODY, soon, reach=reach, tls=tls, proxy=proxy, share=share)
        authentication = ClientCredentials(spec.auth.oauth2, stripped, tokens, clock)
    endpoints = Endpoints([endpoint.url for endpoint in spec.endpoints], cool_down)
    transport = Transport(endpoints, authentication, deadlines, meter, reach=reach, tls=tls, proxy=proxy, share=share)
    provider = adapter_module(spec.kind).build(spec.options, transport)
    if isinstance(provider, Adapter):
        provider.tenanted = spec.tenanted
    return provider


def _tls(spec: KeyProviderSpec, authorities: Authorities | None, share: Share) -> SSLContext | None:
    """None for the public authorities alone."""
    if authorities is None and spec.ca_bundle is None:
        return None
    try:
        return (authorities or _PUBLIC).context(spec.ca_bundle or "", share.owner, replaces=share.replaces)
    except AuthoritiesUnusable as error:
        raise CertificatesUnusable(f"the provider's CA bundle {error}") from None


def _check_url(what: str, url: str, *, allow_insecure: bool, reach: Reach) -> None:
    if not allow_insecure and not url.startswith("https://"):
        raise EndpointRefused(
            f"{what} is plain http, which the operator's administrator does not allow "
            "(KEYPOOL_ALLOW_INSECURE_ENDPOINTS): use https"
        )
    host, port = _host(what, url)
    if is_odd_number(host):
        raise EndpointRefused(f"{what}: {host} is an address in an unusual notation: write a.b.c.d")
    if refusal := reach.refusal_of_host(host, port):
        raise EndpointRefused(f"{what}: {refusal}")


def _host(what: str, url: str) -> tuple[str, int]:
    host, port = "", None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port  # raises where that is no port
        is_fit = is_odd_number(host) or ":" in httpx.URL(url).host or can_be_looked_up(host)
    except (ValueError, httpx.InvalidURL):
        is_fit = False
    if not is_fit:
        raise EndpointRefused(f"{what} is no URL: check its host and port")
    return host, port or (443 if parts.scheme == "https" else 80)
