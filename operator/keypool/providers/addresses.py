"""Which addresses an endpoint may have: public ones, unless the operator's administrator allows private ones too.

A name is checked by what it resolves to, in the resolver that the connector uses: the address that was checked is the
one that is connected to, whatever the name means a moment later. Where a name has both kinds, only the public ones are
used.
"""

import socket
from collections.abc import Sequence
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import ThreadedResolver
from aiohttp.abc import AbstractResolver, ResolveResult

FLAG = "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS"

_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192"))
) | {ip_address("fd00:ec2::254")}
"""Where clouds tell machines their credentials: AWS, Google, Azure, Alibaba, Oracle, as each documents it."""
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598
_EMBEDDING = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")))  # RFC 6052, 8215, 4291

Address = IPv4Address | IPv6Address


class AddressRefused(OSError):
    """A name has no address that may be used; the message says of which kind they are."""


def kind_of(address: str) -> str | None:
    """The kind of an address that is refused, such as "a private address"; None for a public one. Raises ValueError
    for what is no address."""
    ip = _embedded(ip_address(address))
    for kind, holds in (
        ("the address of a metadata service", ip in _METADATA),
        ("the unspecified address", ip.is_unspecified),
        ("a loopback address", ip.is_loopback),
        ("a link-local address", ip.is_link_local),
        ("a multicast address", ip.is_multicast),
        ("an address shared by a carrier", isinstance(ip, IPv4Address) and ip in _SHARED),
        ("a reserved address", ip.is_reserved),
        ("a private address", not ip.is_global or (isinstance(ip, IPv6Address) and ip.is_site_local)),
    ):
        if holds:
            return kind
    return None


def _embedded(ip: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for: mapped, translated (NAT64), tunnelled (6to4) or compatible."""
    if isinstance(ip, IPv4Address) or ip.is_unspecified or ip.is_loopback:
        return ip
    if (inner := ip.ipv4_mapped or ip.sixtofour) is not None:
        return inner
    return IPv4Address(int(ip) & 0xFFFFFFFF) if any(ip in network for network in _EMBEDDING) else ip


def kind_of_host(host: str) -> str | None:
    """The same for the host of a URL, without looking it up; None also for a name."""
    try:
        return kind_of(host.rstrip("."))
    except ValueError:
        return None


def is_odd_number(host: str) -> bool:
    """Whether a host is an address in a notation that programs read differently: 2130706433, 0177.0.0.1, 127.1. Digits
    and dots alone are one always: aiohttp takes them for an address and does not ask the resolver."""
    try:
        IPv4Address(host)
        return False
    except AddressValueError:
        digits_alone = host.replace(".", "").isdigit()
    try:
        socket.inet_aton(host)
    except OSError:
        return digits_alone
    return True


def can_be_looked_up(host: str) -> bool:
    """Whether a name has the form of RFC 1035, section 2.3.4. Of another one no resolver is asked: Python raises."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(0 < len(label) <= 63 for label in labels)


def refusal_of(host: str, kind: str) -> str:
    """The message for a host that has an address of that kind."""
    return f"{host} is at {kind}, which the operator's administrator does not allow ({FLAG})"


class PublicResolver(AbstractResolver):
    """Resolves names to public addresses only; `inner` looks them up. Raises AddressRefused where there is none."""

    def __init__(self, inner: AbstractResolver | None = None) -> None:
        self._inner = inner if inner is not None else ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The public addresses of a name."""
        found = await self._inner.resolve(host, port, family)
        return _public(host, found)

    async def close(self) -> None:
        """Closes the inner one."""
        await self._inner.close()


def _public(host: str, found: Sequence[ResolveResult]) -> list[ResolveResult]:
    kinds = [kind_of(result["host"]) for result in found]
    public = [result for result, kind in zip(found, kinds, strict=True) if kind is None]
    refused = [kind for kind in kinds if kind is not None]
    if not public and refused:
        raise AddressRefused(refusal_of(host, refused[0]))
    return public
