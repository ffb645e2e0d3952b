"""What can go wrong when talking to a provider, told as what to do next.

ProviderError
 ├─ Rejected            a person must act; trying again with the same input is useless
 │   ├─ CredentialRejected   it is the admin credential that the provider refuses
 │   │   └─ TokenRefused         a token that was good before; the next call has a new one
 │   ├─ EndpointRefused      the operator's administrator does not allow the endpoint
 │   ├─ CertificatesUnusable the certificates of authorities that the spec gives are none
 │   └─ AdapterUnusable      the adapter that the spec names is not there, or cannot be loaded
 ├─ Throttled           nothing happened; try again after `retry_after`
 ├─ Unavailable         nothing happened; try again later
 │   └─ PutOff              the operator has no memory for the answer now, because of others
 └─ Ambiguous           it may have happened: never repeat blindly
     ├─ TooLarge            the answer is larger than anything that is read
     └─ Unreadable      it happened, but the new key's value cannot be read

No message ever holds a key's value, a credential, or text from a provider's body that was not bounded and escaped.
"""

from datetime import timedelta


class ProviderError(Exception):
    """Base of all errors of a provider. `str(error)` is fit for a condition's message."""


class Rejected(ProviderError):
    """The provider understood and refused (4xx other than 401 of the admin, 408, 425, 429). Nothing happened.

    `forbidden`: with a 403, so that it may be whom it was asked by, and not what.
    """

    def __init__(self, message: str, *, forbidden: bool = False) -> None:
        super().__init__(message)
        self.forbidden = forbidden


class CredentialRejected(Rejected):
    """The provider refuses the admin credential (401, or 403 on every call)."""


class TokenRefused(CredentialRejected):
    """The provider refuses a token, which was dropped: it may have been revoked early. The next call has a new one, and
    its answer tells."""


class EndpointRefused(Rejected):
    """The endpoint is not one that may be called: plain http, or an address that is not public. Nothing was sent."""


class CertificatesUnusable(Rejected):
    """`caBundle`, or what `caSecretRef` names, holds no certificates that can be used."""


class AdapterUnusable(Rejected):
    """The adapter that `spec.plugin` names is not installed, or not fit for use."""


class Throttled(ProviderError):
    """Too many requests (429). Nothing happened.

    `retry_after` is what the provider asked for, None when it did not say.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Unavailable(ProviderError):
    """The request was certainly not carried out: no connection, or refused before it was sent."""


class Ambiguous(ProviderError):
    """No usable answer after the request was sent: timeout, 5xx, broken or unparsable body. It may have happened."""


class PutOff(Unavailable):
    """A listing that is not read now: others are, and all of them share the operator's memory."""


class TooLarge(Ambiguous):
    """An answer that is larger than anything that is read. The message names the bound."""


class Unreadable(Ambiguous):
    """A create call was answered with success but without a readable value; `handle` where that much could be read."""

    def __init__(self, message: str, handle: str | None = None) -> None:
        super().__init__(message)
        self.handle = handle


def is_refusal(error: ProviderError) -> bool:
    """Whether the provider refused what was asked: not whom it was asked by, nor where."""
    return isinstance(error, Rejected) and not isinstance(error, (CredentialRejected, EndpointRefused))
