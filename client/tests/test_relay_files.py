"""Open files, and connections that end while they are written out."""

import asyncio
import resource
import socket

import pytest

from keypool_client.relay import handing
from keypool_client.relay.files import SPARE, WANTED, fitting
from keypool_client.relay.listeners import MOST_CONNECTIONS


@pytest.mark.parametrize(
    ("soft", "hard", "expected"),
    [
        (1024, 524288, (WANTED, MOST_CONNECTIONS)),
        (1024, resource.RLIM_INFINITY, (WANTED, MOST_CONNECTIONS)),
        (1048576, 1048576, (1048576, MOST_CONNECTIONS)),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, (resource.RLIM_INFINITY, MOST_CONNECTIONS)),
        (1024, 1024, (1024, (1024 - SPARE) // 2)),
        (64, 64, (64, 1)),
    ],
)
def test_the_limit_of_open_files_is_raised_and_connections_fit_into_it(
    soft: int, hard: int, expected: tuple[int, int]
) -> None:
    assert fitting(soft, hard) == expected


class _Lost(asyncio.Protocol):
    def __init__(self) -> None:
        self.lost = asyncio.Event()

    def connection_lost(self, _: Exception | None) -> None:
        self.lost.set()


def test_a_connection_that_was_written_out_and_closed_is_not_aborted() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            transport, protocol = await loop.create_connection(_Lost, sock=ours)
            transport.write(b"x" * 4_000_000)
            transport.close()
            while await loop.sock_recv(theirs, 1 << 20):
                pass
            await protocol.lost.wait()
            handing.give_up(transport)

    asyncio.run(scene())
