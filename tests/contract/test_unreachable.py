"""A connection that cannot be made is told in words, with host and port and nothing else of the URL."""

import asyncio
import errno
import socket
import ssl

import pytest
from aiohttp import ClientConnectorCertificateError, ClientConnectorDNSError, ClientConnectorError
from aiohttp.client_reqrep import ConnectionKey
from pydantic import SecretStr

from keypool.providers.errors import Unavailable
from keypool.providers.transport import Call, Deadlines, Transport
from keypool.providers.unreachable import why_unreachable

CALL = Call("ask", "GET", "/", query={"key": "canary"})


async def said(url: str) -> str:
    """The message of a call that must fail."""
    transport = Transport(url, SecretStr("admin-canary"), Deadlines(other=3.0))
    try:
        with pytest.raises(Unavailable) as caught:
            await transport.call(CALL)
    finally:
        await transport.close()
    return str(caught.value)


@pytest.fixture
def closed_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_closed_port_is_told_as_refused(closed_port: int, scheme: str) -> None:
    message = await said(f"{scheme}://127.0.0.1:{closed_port}/v1")
    assert message == f"ask: no connection to 127.0.0.1:{closed_port}: refused"


async def test_https_to_a_server_without_tls_is_told() -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        assert "no TLS is spoken there" in await said(f"https://127.0.0.1:{port}/v1")


SELF_SIGNED = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed (_ssl.c:1)")
SELF_SIGNED.verify_message = "self-signed certificate"


@pytest.mark.parametrize(
    ("kind", "cause", "words"),
    [
        (ClientConnectorDNSError, socket.gaierror(-2, "Name or service not known"), "its name cannot be looked up"),
        (ClientConnectorError, OSError(errno.EHOSTUNREACH, "Connect call failed"), "no route to host"),
        (ClientConnectorError, OSError("Multiple exceptions: ..."), "none of its addresses answers"),
        (
            ClientConnectorCertificateError,
            SELF_SIGNED,
            "its certificate is not accepted: self-signed certificate",
        ),
    ],
    ids=["name", "route", "several addresses", "certificate"],
)
def test_what_only_a_network_can_show_is_told_in_words(
    kind: type[ClientConnectorError], cause: OSError, words: str
) -> None:
    where = ConnectionKey("api.example.com", 443, True, True, None, None, None)
    assert why_unreachable(kind(where, cause)) == f"no connection to api.example.com:443: {words}"
