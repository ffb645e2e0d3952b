"""A certificate must be the host's, whatever addresses the host's name leads to."""

import datetime
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr

from keypool.providers import connections
from keypool.providers.errors import Unavailable
from keypool.providers.transport import Call, Deadlines, Transport
from tests.reaching import THIS_MACHINE
from tests.unit.test_addresses import Names

HOST = "api.example.com"


def certificate(folder: Path) -> Path:
    """A self-signed certificate for HOST with its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.datetime.now(datetime.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(hours=1)).not_valid_after(
        now + datetime.timedelta(hours=1)
    )
    signed = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False).sign(
        key, hashes.SHA256()
    )
    pem = folder / "host.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return pem


@pytest.fixture
async def port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """Of a server on loopback with a certificate for HOST, whose issuer is trusted."""
    pem = certificate(tmp_path)
    serving, trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=str(pem))
    serving.load_cert_chain(pem)
    monkeypatch.setattr(connections, "_tls", lambda: trusting)

    async def answer(_: web.Request) -> web.Response:
        return web.json_response({})

    app = web.Application()
    app.router.add_get("/", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=serving).start()
    yield int(runner.addresses[0][1])
    await runner.cleanup()


def transport_to(host: str, port: int) -> Transport:
    """A transport for which every name is this machine."""
    url = f"https://{host}:{port}"
    return Transport(url, SecretStr("admin-canary"), Deadlines(), reach=THIS_MACHINE, names=Names("127.0.0.1"))


async def test_the_certificate_of_the_host_is_accepted(port: int) -> None:
    transport = transport_to(HOST, port)
    assert (await transport.call(Call("ask", "GET", "/"))).status == 200
    await transport.close()


async def test_the_certificate_of_another_host_is_not(port: int) -> None:
    transport = transport_to("other.example.com", port)
    with pytest.raises(Unavailable, match=r"its certificate is not accepted: Hostname mismatch"):
        await transport.call(Call("ask", "GET", "/"))
    await transport.close()
