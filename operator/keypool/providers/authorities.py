"""Whom TLS trusts: the public authorities, those that the operator's administrator adds, and those of one provider.

They only ever add to each other. Certificates and host names are always checked.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError, cert_time_to_seconds

import httpx

MOST_BYTES, MOST_CERTIFICATES = 32_768, 50
"""Of what a provider object or its Secret adds."""
FILE_BYTES, FILE_CERTIFICATES = 2 * 1024 * 1024, 1000
"""Of the administrator's file, which may be a whole system's."""
_BEGIN = "-----BEGIN CERTIFICATE-----"
_PRIVATE = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")
_PUBLIC_FILE, _PUBLIC_FOLDER = "SSL_CERT_FILE", "SSL_CERT_DIR"


class AuthoritiesUnusable(ValueError):
    """Certificates that cannot be used. The message says why, and never repeats what was given."""


def read(text: str, now: datetime, *, most_bytes: int = MOST_BYTES, most: int = MOST_CERTIFICATES) -> str:
    """The certificates in PEM, given as that or as its base64, without what stands between them. Raises
    AuthoritiesUnusable. An expired one among others is no mistake: it stays, so that what it signed is refused because
    it expired, and not as if its authority were unknown."""
    if len(text) > most_bytes:
        raise AuthoritiesUnusable(f"is longer than {most_bytes} bytes: give the issuing authorities alone")
    pem = _unwrapped(text)
    if _PRIVATE.search(pem):
        raise AuthoritiesUnusable(
            "holds a private key: give certificates alone, and replace that key, because it can be read here"
        )
    if _BEGIN not in pem:
        raise AuthoritiesUnusable(f"holds no certificate: it has to be PEM, which begins with {_BEGIN}")
    if pem.count(_BEGIN) > most:
        raise AuthoritiesUnusable(f"holds {pem.count(_BEGIN)} certificates, and {most} are the most")
    blocks = _blocks(pem)
    ends = [_end(block, f"certificate {number} of {len(blocks)}") for number, block in enumerate(blocks, 1)]
    if all(end is not None and end <= now for end in ends):
        last = max(end for end in ends if end is not None)
        raise AuthoritiesUnusable(f"holds no certificate that is still valid: the last one expired on {last:%Y-%m-%d}")
    return "\n".join(blocks)


def _unwrapped(text: str) -> str:
    """Webhooks and others in Kubernetes have PEM in base64 once more."""
    if "-----BEGIN" in text:
        return text
    try:
        return base64.b64decode("".join(text.split()), validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return text


def _blocks(pem: str) -> list[str]:
    blocks = re.findall(rf"{_BEGIN}.*?-----END CERTIFICATE-----", pem, re.DOTALL)
    if len(blocks) != pem.count(_BEGIN):
        raise AuthoritiesUnusable("is cut off: a certificate has no -----END CERTIFICATE-----")
    return blocks


def _end(block: str, what: str) -> datetime | None:
    """When a certificate expires; None where OpenSSL does not tell, because it is no authority's."""
    reading = SSLContext(PROTOCOL_TLS_CLIENT)
    try:
        reading.load_verify_locations(cadata=block)
        ends = [str(certificate["notAfter"]) for certificate in reading.get_ca_certs()]
        return datetime.fromtimestamp(cert_time_to_seconds(ends[0]), UTC) if ends else None
    except (SSLError, ValueError, TypeError, OverflowError):  # TypeError: what is not ASCII
        raise AuthoritiesUnusable(f"{what} cannot be read") from None


def read_file(path: Path, now: datetime) -> str:
    """The certificates in the administrator's file. Raises AuthoritiesUnusable."""
    try:
        if path.stat().st_size > FILE_BYTES:
            raise AuthoritiesUnusable(f"the file is larger than {FILE_BYTES} bytes")
        text = path.read_text("ascii", errors="replace")
    except OSError as error:
        why = error.strerror or type(error).__name__
        raise AuthoritiesUnusable(
            f"the file cannot be read ({why.lower()}): name a file of certificates in PEM"
        ) from None
    return read(text, now, most_bytes=FILE_BYTES, most=FILE_CERTIFICATES)


class Authorities:
    """The public authorities and `added` in PEM. Contexts are made once for each bundle."""

    def __init__(self, added: str = "") -> None:
        self._added = added
        self.context = lru_cache(maxsize=256)(self._context)

    def _context(self, bundle: str = "") -> SSLContext:
        """What a client of a provider with that bundle trusts."""
        trusted = httpx.create_ssl_context()
        for pem in filter(None, (self._added, bundle)):
            trusted.load_verify_locations(cadata=pem)
        return trusted


def check_public(environ: Mapping[str, str]) -> str | None:
    """What is wrong with OpenSSL's own variables, where they are set: they replace the public authorities, and a file
    that is not there would be noticed by the first call alone. None when all is well."""
    file, folder = environ.get(_PUBLIC_FILE), environ.get(_PUBLIC_FOLDER)
    if folder and not file and not os.path.isdir(folder):
        return f"{_PUBLIC_FOLDER}: there is no such folder; leave it out to trust the public authorities"
    try:
        trusted = httpx.create_ssl_context() if file else None
    except (OSError, ValueError):
        return f"{_PUBLIC_FILE}: the file cannot be read as certificates; leave it out to trust the public authorities"
    if trusted is not None and not trusted.cert_store_stats()["x509"]:
        return f"{_PUBLIC_FILE}: the file holds no certificate; leave it out to trust the public authorities"
    return None
