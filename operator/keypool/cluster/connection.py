"""Where the API server is and how we prove who we are: kubernetes' own configuration loading, behind strict types.

The only module that imports the untyped `kubernetes` package.
"""

import hashlib
import os
import re
import socket
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import ResolveResult
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import ConfigException, load_incluster_config, load_kube_config
from kubernetes.aio.config.incluster_config import (
    SERVICE_HOST_ENV_NAME,
    SERVICE_PORT_ENV_NAME,
    SERVICE_TOKEN_FILENAME,
)

from keypool.cluster.home import scratch_folder


class NoCluster(Exception):
    """Neither a pod's service account nor a usable kubeconfig was found."""


class _Remembering(aiohttp.ThreadedResolver):
    """Tells what it found last."""

    def __init__(self, tell: Callable[[frozenset[tuple[str, int]]], None]) -> None:
        super().__init__()
        self._tell = tell

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await super().resolve(host, port, family)
        self._tell(frozenset((each["host"], port) for each in found))
        return found


class Connection:
    """One API server and one identity; shared by our client and by Kopf's sessions."""

    def __init__(self, configuration: Configuration, kubeconfig: str | None) -> None:
        self._configuration = configuration
        self._kubeconfig = kubeconfig
        self._found: frozenset[tuple[str, int]] = frozenset()
        self.ssl = _ssl_context(configuration)

    @classmethod
    async def load(cls, kubeconfig: str | None = None) -> "Connection":
        """From the given kubeconfig; else from the pod's service account; else KUBECONFIG or ~/.kube/config.

        Raises NoCluster.
        """
        if kubeconfig is None and not _has_service_account():
            kubeconfig = os.environ.get("KUBECONFIG") or str(Path.home() / ".kube" / "config")
        return cls(await _configuration(kubeconfig), kubeconfig)

    @property
    def server(self) -> str:
        """Base URL of the API server, without a slash at the end."""
        return str(self._configuration.host).rstrip("/")

    def api_addresses(self) -> frozenset[tuple[str, int]]:
        """Addresses and ports of the API server, as far as they are known: where it is called, what its name was last
        looked up as, and what the kubelet told of its Service."""
        return self._found | _literal(self.server) | _literal(_service())

    def _note(self, found: frozenset[tuple[str, int]]) -> None:
        self._found = found

    async def authorization(self) -> str | None:
        """Value of the Authorization header, None with a client certificate.

        A pod's token file is read again every minute.
        """
        value = await self._configuration.get_api_key_with_prefix("BearerToken")
        return None if value is None else str(value)

    async def reload(self) -> None:
        """Read tokens again (token file, exec plugin) after a 401. Raises NoCluster."""
        self._configuration = await _configuration(self._kubeconfig)

    def cluster_identity(self) -> frozenset[str]:
        """What tells this cluster from another: the SHA-256 of each certificate of its CA as it is now; of the server's
        URL where no CA is configured."""
        file, text = self._configuration.ssl_ca_cert, self._configuration.ca_cert_data or ""
        pem = Path(file).read_text(encoding="utf-8") if file else str(text)
        found = re.findall("-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", pem, re.DOTALL)
        parts = [ssl.PEM_cert_to_DER_cert(each) for each in found] or [self.server.encode()]
        return frozenset(hashlib.sha256(part).hexdigest() for part in parts)

    def session(
        self, connections: int, seconds: float | None, authorize: tuple[aiohttp.ClientMiddlewareType, ...] = ()
    ) -> aiohttp.ClientSession:
        """A session with at most so many connections, and a total timeout per request (None: the caller sets one)."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections, ssl=self.ssl, resolver=_Remembering(self._note)),
            timeout=aiohttp.ClientTimeout(total=seconds),
            proxy=self._configuration.proxy,
            middlewares=authorize,
            headers={"User-Agent": "keypool", "Accept": "application/json"},
        )

    @property
    def server_hostname(self) -> str | None:
        """Name to expect in the API server's certificate when it is not the URL's."""
        name = self._configuration.tls_server_name
        return None if name is None else str(name)


def _service() -> str:
    host, port = os.environ.get(SERVICE_HOST_ENV_NAME, ""), os.environ.get(SERVICE_PORT_ENV_NAME, "443")
    return f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"


def _literal(url: str) -> frozenset[tuple[str, int]]:
    """What a URL with an address leads to; nothing where it has a name."""
    try:
        parts = urlsplit(url)
        address = ip_address(parts.hostname or "")
        return frozenset({(str(address), parts.port or (443 if parts.scheme == "https" else 80))})
    except ValueError:
        return frozenset()


def _has_service_account() -> bool:
    return SERVICE_HOST_ENV_NAME in os.environ and Path(SERVICE_TOKEN_FILENAME).exists()


async def _configuration(kubeconfig: str | None) -> Configuration:
    configuration = Configuration()
    try:
        if kubeconfig is None:
            load_incluster_config(client_configuration=configuration)
        else:
            _check_files(kubeconfig)
            await load_kube_config(
                kubeconfig,
                client_configuration=configuration,
                persist_config=False,
                temp_file_path=scratch_folder(),
            )
    except ConfigException as error:
        raise NoCluster(str(error)) from None
    return configuration


def _check_files(kubeconfig: str) -> None:
    # Not Path.expanduser, which raises where the user has no home.
    if not any(Path(os.path.expanduser(file)).is_file() for file in kubeconfig.split(os.pathsep)):
        raise NoCluster(f"there is no kubeconfig at {kubeconfig}{_hint()}")


def _hint() -> str:
    if SERVICE_HOST_ENV_NAME not in os.environ or Path(SERVICE_TOKEN_FILENAME).exists():
        return ""
    return f", and in this pod there is no {SERVICE_TOKEN_FILENAME}: set automountServiceAccountToken: true"


def _ssl_context(configuration: Configuration) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert, cadata=configuration.ca_cert_data)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, keyfile=configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
