"""A private authority for tests, and a server whose certificate it signed."""

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.contract.connect_proxy import pipe
from tests.waiting import within

HOUR = datetime.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Authority:
    """`pem` is its certificate; `private` its key in PEM."""

    pem: str
    private: str


def _build(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, ends: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]) for name in (subject, issuer)]
    builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - 3 * HOUR).not_valid_after(now + ends)


def _private(key: ec.EllipticCurvePrivateKey) -> str:
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, *form).decode()


def authority(name: str = "test authority", ends: datetime.timedelta = HOUR) -> Authority:
    """A new one, whose certificate ends then."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _build(name, name, key, ends).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=True
    )
    signed = builder.sign(key, hashes.SHA256())
    return Authority(signed.public_bytes(serialization.Encoding.PEM).decode(), _private(key))


def server_context(folder: Path, by: Authority, host: str) -> ssl.SSLContext:
    """For a server that is `host`, as the authority says."""
    signer = serialization.load_pem_private_key(by.private.encode(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    issuer = x509.load_pem_x509_certificate(by.pem.encode()).subject
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _build(host, issuer.rfc4514_string().removeprefix("CN="), key, HOUR)
    names = x509.SubjectAlternativeName([x509.DNSName(host)])
    signed = builder.add_extension(names, critical=False).sign(signer, hashes.SHA256())
    pem = folder / f"{host}.pem"
    pem.write_text(_private(key) + signed.public_bytes(serialization.Encoding.PEM).decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


@asynccontextmanager
async def serving(app: web.Application, context: ssl.SSLContext) -> AsyncIterator[int]:
    """An application behind TLS on loopback; its port."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield int(runner.addresses[0][1])
    finally:
        await runner.cleanup()


@asynccontextmanager
async def serving_tls(
    context: ssl.SSLContext, seen: list[str], answers: asyncio.Event | None = None
) -> AsyncIterator[int]:
    """A server on loopback that answers `{}`, once it `answers`, and notes the Host of each request; its port."""

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.host)
        if answers is not None:
            await answers.wait()
        return web.json_response({})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serving(app, context) as port:
        yield port


@asynccontextmanager
async def tls_before(context: ssl.SSLContext, port: int) -> AsyncIterator[int]:
    """TLS on loopback before a server of plain HTTP at that port; its port."""
    writers, tasks = list[asyncio.StreamWriter](), list[asyncio.Task[None]]()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.create_task(pass_on(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await within(asyncio.gather(*tasks, return_exceptions=True), 5)
        await server.wait_closed()
