"""Why a connection could not be made, in words for the person who looks after it."""

import os
import ssl

import aiohttp

from keypool.providers.connections import NotSent
from keypool.providers.errors import EndpointRefused, ProviderError, Unavailable
from keypool.providers.names import NotLookedUp
from keypool.providers.proxy import NoAddress
from keypool.providers.reach import AddressRefused

NO_CONNECTION = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ClientHttpProxyError,
    NoAddress,
    NotSent,
)
"""Errors of aiohttp after which certainly nothing was sent."""
NOT_MADE = "no connection was made"


def never_sent(what: str, error: BaseException) -> ProviderError:
    """The call `what` found no connection because of this error."""
    if isinstance(error, aiohttp.ClientConnectorError | NoAddress) and isinstance(error.os_error, AddressRefused):
        return EndpointRefused(f"{what}: {error.os_error}")
    return Unavailable(f"{what}: {why_unreachable(error)}")


def why_unreachable(error: BaseException | None) -> str:
    """One line such as "no connection to 127.0.0.1:9: refused"; never more of the URL than host and port."""
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the operator's proxy (KEYPOOL_HTTPS_PROXY) makes no connection: it answered {error.status}"
    if isinstance(error, NoAddress):
        return f"no connection to {error.host}: {_of_name(error.os_error)}"
    if not isinstance(error, aiohttp.ClientConnectorError):
        return "no connection in time"
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        return f"no connection to the operator's proxy (KEYPOOL_HTTPS_PROXY): {_cause(error)}"
    return f"no connection to {error.host}:{error.port}: {_cause(error)}"


def _cause(error: aiohttp.ClientConnectorError) -> str:
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return f"its certificate is not accepted{_verdict(error.certificate_error)}"
    if isinstance(error, aiohttp.ClientConnectorSSLError):
        return "no TLS is spoken there, or none that is accepted here"
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _of_name(error.os_error)
    if isinstance(error.os_error, ConnectionRefusedError):
        return "refused"
    number = error.os_error.errno
    return os.strerror(number).lower() if number else "none of its addresses answers"


def _of_name(error: OSError) -> str:
    return str(error) if isinstance(error, NotLookedUp) else "its name cannot be looked up"


def _verdict(error: Exception) -> str:
    return f": {error.verify_message}" if isinstance(error, ssl.SSLCertVerificationError) else ""
