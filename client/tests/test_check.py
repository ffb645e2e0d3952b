"""`check` says what is wrong with a folder and the ways to its endpoints, within its deadline, and shows no value."""

import contextlib
import datetime
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from keypool_client.check import check

OK = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"
NO_PROXY_AT_ALL: dict[str, str] = {}
Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Answers each connection with the function; all is closed at the end."""
    opened: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(answer: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)
        threads.append(threading.Thread(target=run, args=(listener, answer)))
        threads[-1].start()
        return int(listener.getsockname()[1])

    def run(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            opened.append(connection)
            try:
                answer(connection)
            except OSError:
                continue

    yield start
    for each in opened:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
    for thread in threads:
        thread.join()


def saying(answer: bytes) -> Callable[[socket.socket], None]:
    def run(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(answer)
        connection.close()

    return run


def found(folder: Path, environ: dict[str, str] = NO_PROXY_AT_ALL, timeout: float = 5.0) -> list[str]:
    findings = list(check(folder, environ, timeout))
    assert "sk-canary" not in repr(findings)
    return [f"{'ok' if finding.well else 'wrong'}: {finding.text}" for finding in findings]


@pytest.fixture
def at(mounted: Any, file: Any) -> Callable[..., Path]:
    """A folder whose endpoint is that one."""

    def write(url: str, **more: Any) -> Path:
        mounted.write({"keys.json": file(endpoints=[{"name": "0", "bases": {"openai": url}, **more}])})
        path: Path = mounted.path
        return path

    return write


def test_an_endpoint_that_answers_is_well(serve: Serve, at: Any) -> None:
    url = f"http://127.0.0.1:{serve(saying(OK))}/v1"
    pool, endpoint = found(at(url))
    assert pool == "ok: pool team-a/chat of holySheep: keys: 1, dialects: openai"
    assert endpoint.startswith("ok: ")
    assert endpoint.endswith(": answers (HTTP 401, asked without a key)")


def test_no_key_is_sent(serve: Serve, at: Any) -> None:
    heads: list[bytes] = []

    def keep(connection: socket.socket) -> None:
        heads.append(connection.recv(65_536))
        connection.sendall(OK)
        connection.close()

    found(at(f"http://127.0.0.1:{serve(keep)}/v1"))
    assert heads[0].startswith(b"GET /v1/models HTTP/1.1\r\n")
    assert b"canary" not in heads[0]


ANSWERS = {
    b"HTTP/1.1 503 Service Unavailable\r\n\r\n": "answers with HTTP 503",
    b"SSH-2.0-OpenSSH\r\n\r\n": "it speaks no HTTP/1.1",
    b"": "it closed the connection while it waited for an HTTP answer",
}


@pytest.mark.parametrize(("answer", "says"), ANSWERS.items(), ids=["503", "another protocol", "nothing"])
def test_an_answer_that_is_none_is_told(answer: bytes, says: str, serve: Serve, at: Any) -> None:
    *_, endpoint = found(at(f"http://127.0.0.1:{serve(saying(answer))}/v1"))
    assert endpoint.startswith("wrong: ")
    assert endpoint.endswith(says)


def test_an_endpoint_that_says_nothing_has_a_deadline(serve: Serve, at: Any) -> None:
    *_, endpoint = found(at(f"http://127.0.0.1:{serve(lambda connection: None)}/v1"), timeout=0.2)
    assert "while it waited for an HTTP answer" in endpoint
    assert endpoint.startswith("wrong: ")


def test_a_connection_that_is_refused_is_told(at: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    *_, endpoint = found(at(f"http://127.0.0.1:{port}/v1"))
    assert f"the endpoint 127.0.0.1:{port} cannot be connected to: connection refused" in endpoint


def test_a_name_that_is_unknown_is_told(at: Any) -> None:
    *_, endpoint = found(at("http://keypool-test.invalid/v1"))
    assert "the endpoint's name keypool-test.invalid is not known to the DNS of this pod" in endpoint


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    path.write_bytes(pem + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return pem.decode(), context


def over(tls: ssl.SSLContext) -> Callable[[socket.socket], None]:
    def run(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as secured:
            secured.recv(65_536)
            secured.sendall(OK)

    return run


def test_a_private_endpoint_is_trusted_by_the_file_alone(serve: Serve, at: Any, certificate: Any) -> None:
    pem, tls = certificate
    url = f"https://127.0.0.1:{serve(over(tls))}/v1"
    assert found(at(url, ca=pem))[-1].startswith("ok: ")
    assert "its certificate is not trusted" in found(at(url))[-1]


def test_an_endpoint_without_tls_is_told(serve: Serve, at: Any) -> None:
    *_, endpoint = found(at(f"https://127.0.0.1:{serve(saying(OK))}/v1"))
    assert "TLS fails" in endpoint


def forwarding(status: bytes) -> Callable[[socket.socket], None]:
    def run(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
        connection.recv(65_536)
        connection.close()

    return run


def test_the_proxy_of_the_environment_is_used_and_named(serve: Serve, at: Any) -> None:
    port = serve(saying(OK))
    *_, endpoint = found(at("http://gateway.internal/v1"), {"http_proxy": f"http://user:sk-canary@127.0.0.1:{port}"})
    assert endpoint.endswith(f"through the proxy 127.0.0.1:{port}")


REFUSING = {b"407 Proxy Authentication Required": "HTTP 407: it wants a user", b"403 Forbidden": "HTTP 403"}


@pytest.mark.parametrize(("status", "says"), REFUSING.items(), ids=["407", "403"])
def test_a_proxy_that_refuses_is_told(status: bytes, says: str, serve: Serve, at: Any) -> None:
    port = serve(forwarding(status))
    *_, endpoint = found(at("https://api.example.com/v1"), {"HTTPS_PROXY": f"http://127.0.0.1:{port}"})
    assert f"the proxy refuses a connection to api.example.com:443 with {says}" in endpoint


def test_no_proxy_is_honoured(serve: Serve, at: Any) -> None:
    url = f"http://127.0.0.1:{serve(saying(OK))}/v1"
    *_, endpoint = found(at(url), {"HTTP_PROXY": "http://keypool-test.invalid:1", "NO_PROXY": "127.0.0.1"})
    assert endpoint.startswith("ok: ")


def test_a_proxy_that_is_none_is_told_without_its_password(at: Any) -> None:
    *_, endpoint = found(at("https://api.example.com/v1"), {"HTTPS_PROXY": "socks5://user:sk-canary@127.0.0.1:1"})
    assert "HTTPS_PROXY must be the URL of an HTTP proxy" in endpoint


def test_a_ca_file_that_is_not_there_is_told(at: Any, tmp_path: Path) -> None:
    lines = found(at("http://keypool-test.invalid/v1"), {"SSL_CERT_FILE": str(tmp_path / "none.pem")})
    assert any(line.startswith("wrong: SSL_CERT_FILE: there is no such file") for line in lines)


def test_a_pool_without_a_key_and_a_folder_without_a_pool_are_told(mounted: Any, file: Any) -> None:
    assert "is not there" in found(mounted.path)[0]
    mounted.write({"keys.json": file(keys=[])})
    assert "has no key at the moment" in found(mounted.path, timeout=0.2)[0]
