"""The server listens on each family of addresses that the node has, and before the rest of the operator is imported."""

import asyncio
import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from keypool.serve.sockets import listen
from tests.waiting import eventually


def has_ipv6() -> bool:
    """Whether this machine has the loopback address of IPv6."""
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@contextmanager
def listening(host: str) -> Iterator[tuple[int, int]]:
    """The port, and how many sockets there are."""
    made = listen(host, 0)
    try:
        yield made[0].getsockname()[1], len(made)
    finally:
        for one in made:
            one.close()


def reached(address: str, port: int) -> bool:
    """Whether something listens there."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as one:
        one.settimeout(5)
        return one.connect_ex((address, port)) == 0


@needs_ipv6
@pytest.mark.parametrize("host", ["::", "localhost"])
def test_both_families_are_answered_at_one_port(host: str) -> None:
    with listening(host) as (port, count):
        assert count == 2
        assert reached("127.0.0.1", port)
        assert reached("::1", port)


@pytest.mark.parametrize(("lacking", "code"), [("::", errno.EAFNOSUPPORT), ("0.0.0.0", errno.EADDRNOTAVAIL)])  # noqa: S104
def test_a_node_that_has_one_family_alone_is_served_all_the_same(
    lacking: str, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lacking != "::" and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    bind = socket.socket.bind

    class Node(socket.socket):
        def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
            if address[0] == lacking:
                raise OSError(code, "not on this node")
            bind(self, address)

    monkeypatch.setattr("keypool.serve.sockets.socket.socket", Node)
    with listening("::") as (port, count):
        assert count == 1
        assert reached("127.0.0.1" if lacking == "::" else "::1", port)


def test_an_address_of_ipv4_is_that_alone() -> None:
    with listening("0.0.0.0") as (port, count):  # noqa: S104
        assert count == 1
        assert reached("127.0.0.1", port)


def test_a_port_that_is_taken_is_told() -> None:
    with listening("127.0.0.1") as (port, _), pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", port)


async def test_the_port_takes_connections_while_the_operator_is_still_being_imported() -> None:
    """A kubelet's first probe is not refused, which would be a Warning Event, and waits for its answer."""
    with listening("127.0.0.1") as (port, _):
        pass  # free now
    late = (
        "import sys, time, runpy\n"
        "class Slow:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'kopf': time.sleep(3600)\n"
        "sys.meta_path.insert(0, Slow())\n"
        "sys.argv = ['keypool']\n"
        "runpy.run_module('keypool', run_name='__main__')\n"
    )
    environment = {**os.environ, "KEYPOOL_HTTP_PORT": str(port)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", late, env=environment)
    try:

        async def taken() -> bool:
            return reached("127.0.0.1", port)

        await eventually(taken, 30, "the port takes connections")
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()
