"""Whom TLS trusts: the public authorities, those that the operator's administrator adds, and those of one provider.

They only ever add to each other. Certificates and host names are always checked.
"""

import asyncio
import base64
import binascii
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, SSLError, cert_time_to_seconds
from weakref import WeakSet, WeakValueDictionary

import httpx

MOST_BYTES, MOST_CERTIFICATES = 65_536, 50
"""Of what a provider object or its Secret adds. The API server takes half of these bytes in an object; one that was
made before it did may have all."""
MOST_OF_ONE, PREPARED = 8, 16
"""Different bundles in use of one namespace's providers; and contexts of all of them that wait for their client."""
_SWEEP = 256
"""So many owners are remembered before those that have none are forgotten."""
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


def certificates(text: str) -> str:
    """The same of what was read before, without judging it again."""
    return "\n".join(_blocks(_unwrapped(text)))


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
    """The public authorities and `added` in PEM. A context takes a megabyte, and tenths of a second to be made: one is
    shared by all clients that trust the same, and lives as long as they do; an owner has a few different ones."""

    def __init__(self, added: str = "") -> None:
        self._added = added
        self._contexts: WeakValueDictionary[bytes, SSLContext] = WeakValueDictionary()
        self._of: dict[str, WeakSet[SSLContext]] = {}
        self._sweep_at = _SWEEP
        self._prepared: OrderedDict[bytes, SSLContext | AuthoritiesUnusable] = OrderedDict()
        self._plain: SSLContext | None = None
        self._making = asyncio.Lock()

    def context(self, bundle: str = "", owner: str = "", *, replaces: bool = False) -> SSLContext:
        """What a client of a provider with that bundle trusts, for an owner, such as a namespace; `replaces`: it is to
        take another one's place, which is in use until then. Raises AuthoritiesUnusable."""
        digest = _digest(bundle)
        found = self._contexts.get(digest) or self._prepared.get(digest) or (None if bundle else self._plain)
        mine = self._of_owner(owner)
        if bundle and self._is_full(owner, replaces=replaces) and found not in mine:
            raise AuthoritiesUnusable(
                f"is one too many: the providers of one namespace have {MOST_OF_ONE} different ones at most"
            )
        if found is None:
            found = self._tried(bundle)
        self._prepared.pop(digest, None)
        if isinstance(found, AuthoritiesUnusable):
            raise AuthoritiesUnusable(str(found))
        self._contexts[digest] = found
        if bundle:
            mine.add(found)
        else:
            self._plain = found
        return found

    async def prepare(self, bundle: str, owner: str, *, replaces: bool = False) -> None:
        """Makes in a thread, one at a time, what `context` is about to be asked for."""
        digest = _digest(bundle)
        if self._is_full(owner, replaces=replaces) or digest in self._contexts or digest in self._prepared:
            return
        async with self._making:
            full = self._is_full(owner, replaces=replaces)  # maybe since it waits
            if not full and digest not in self._prepared and digest not in self._contexts:
                self._prepared[digest] = await asyncio.to_thread(self._tried, bundle)
            while len(self._prepared) > PREPARED:
                self._prepared.popitem(last=False)

    def _of_owner(self, owner: str) -> WeakSet[SSLContext]:
        """Those that it has; few owners that have none are remembered."""
        if len(self._of) >= self._sweep_at:
            self._of = {other: contexts for other, contexts in self._of.items() if contexts}
            self._sweep_at = max(_SWEEP, 2 * len(self._of))
        return self._of.setdefault(owner, WeakSet())

    def _is_full(self, owner: str, *, replaces: bool) -> bool:
        return len(self._of.get(owner, ())) >= MOST_OF_ONE + replaces

    def _tried(self, bundle: str) -> "SSLContext | AuthoritiesUnusable":
        try:
            pems = (self._added, read(bundle, datetime.now(UTC)) if bundle else "")
            trusted = httpx.create_ssl_context()
            for pem in filter(None, pems):
                trusted.load_verify_locations(cadata=pem)
        except AuthoritiesUnusable as error:
            return error
        except SSLError:
            return AuthoritiesUnusable("holds a certificate that TLS cannot use")
        return trusted


def _digest(bundle: str) -> bytes:
    return hashlib.sha256(bundle.encode()).digest()


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
