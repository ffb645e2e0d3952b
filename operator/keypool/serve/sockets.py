"""The sockets that the operator's server listens on: one for each family of addresses that the node has.

Made before anything else is imported: whoever asks meanwhile waits a moment for the answer, and is not refused.
"""

import errno
import socket
from contextlib import suppress
from ipaddress import ip_address

BACKLOG = 32
_TRIES = 10
_GROUPS = {"::": ("::", "0.0.0.0"), "localhost": ("127.0.0.1", "::1")}  # noqa: S104 - a pod's probes come from outside
"""Hosts that stand for several addresses, of which the node may lack some."""
_LACKING = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT)


def listen(host: str, port: int) -> list[socket.socket]:
    """Listens on each address of the host, all at the same port; 0 is any free one. Raises OSError where there is none,
    or the port is taken."""
    for _ in range(_TRIES - 1):
        with suppress(OSError):
            return _listen(host, port)
        if port:
            break
    return _listen(host, port)  # any free port of one family may be taken in the other


def _listen(host: str, port: int) -> list[socket.socket]:
    made = list[socket.socket]()
    try:
        for address in _GROUPS.get(host, (host,)):
            if (one := _bound(address, port, optional=host in _GROUPS)) is not None:
                made.append(one)
                port = int(one.getsockname()[1])
    except BaseException:
        for one in made:
            one.close()
        raise
    if not made:
        raise OSError(errno.EADDRNOTAVAIL, f"the node has no address to listen on for {host}")
    return made


def _bound(address: str, port: int, *, optional: bool) -> socket.socket | None:
    is_v6, one = ip_address(address).version == 6, None
    try:
        one = socket.socket(socket.AF_INET6 if is_v6 else socket.AF_INET)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_v6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind((address, port))
        one.listen(BACKLOG)
        one.setblocking(False)
    except OSError as error:
        if one is not None:
            one.close()
        if optional and error.errno in _LACKING:
            return None
        raise
    return one
