"""The pod that the relay runs in, and what it needs to tell the API server something."""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote

REPORT, NAME, UID = "KEYPOOL_RELAY_REPORT", "KEYPOOL_POD_NAME", "KEYPOOL_POD_UID"
HOST, PORT = "KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"
MOST_BYTES = 256 * 1024
_SUBDOMAIN = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TOKEN = re.compile(r"[!-~]{1,65536}")
_FORMS = {
    NAME: (_SUBDOMAIN, "the pod's name, from fieldRef metadata.name"),
    UID: (r"[A-Za-z0-9-]{1,128}", "the pod's uid, from fieldRef metadata.uid"),
    HOST: (r"[A-Za-z0-9:.-]{1,253}", "the API server's address, as Kubernetes gives it to every pod"),
    PORT: (r"[0-9]{1,5}", "the API server's port, as Kubernetes gives it to every pod"),
}


class NoAccess(Exception):
    """A file of the report's folder cannot be used; the text says which one, and never what is in it."""


@dataclass(frozen=True, slots=True)
class Access:
    """The files as they are now."""

    namespace: str
    token: str = field(repr=False)
    trust: ssl.SSLContext


@dataclass(frozen=True, slots=True)
class Pod:
    """Which pod this is, and where its token lies."""

    name: str
    uid: str
    server: str
    """The API server's base URL."""
    folder: Path

    @classmethod
    def of(cls, folder: str, environ: Mapping[str, str]) -> Self:
        """Of an environment in which `faults` finds nothing."""
        host = environ[HOST]
        return cls(
            environ[NAME],
            environ[UID],
            f"https://{f'[{host}]' if ':' in host else host}:{environ[PORT]}",
            Path(folder),
        )

    def url(self, namespace: str) -> str:
        """Of this pod's KeyHolder."""
        where = f"namespaces/{quote(namespace, safe='')}/keyholders/{quote(self.name, safe='')}"
        return f"{self.server}/apis/keypool.dev/v1alpha1/{where}"

    def access(self) -> Access:
        """Reads the files anew, since the kubelet exchanges the token before it expires. Blocks. Raises NoAccess."""
        namespace, token = _read(self.folder / "namespace").strip(), _read(self.folder / "token").strip()
        if not _LABEL.fullmatch(namespace):
            raise NoAccess(f"{self.folder / 'namespace'} must hold the name of the pod's namespace")
        if not _TOKEN.fullmatch(token):
            raise NoAccess(f"{self.folder / 'token'} must hold a token: visible ASCII characters without a space")
        return Access(namespace, token, _trusting(self.folder / "ca.crt"))


def faults(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that a report needs and that is missing or wrong."""
    return [
        f"{name} must be {words}, where {REPORT} is set"
        for name, (pattern, words) in _FORMS.items()
        if not re.fullmatch(pattern, environ.get(name, ""))
    ]


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise NoAccess(f"{path} cannot be read ({(error.strerror or type(error).__name__).lower()})") from None
    if len(raw) > MOST_BYTES:
        raise NoAccess(f"{path} is larger than {MOST_BYTES} bytes")
    return raw.decode("utf-8", "replace")


def _trusting(path: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=_read(path))
    except (ssl.SSLError, ValueError, TypeError):  # TypeError: what is not ASCII
        raise NoAccess(f"{path} must hold the API server's authority: certificates in PEM") from None
    return context
