"""What kinds of addresses there are, however they are written."""

import socket
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LOOPBACK = "a loopback address"
_METADATA_SERVICE = "the address of a metadata service"
NEVER = frozenset({_METADATA_SERVICE, "the unspecified address", "a link-local address", "a multicast address"})
"""Kinds that no setting allows."""
_METADATA = tuple(
    map(
        ip_network,
        (
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200", "192.0.0.192"),
            *("fd00:ec2::/32", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42"),
        ),
    )
)
"""Where clouds tell machines their credentials: AWS, Google, Azure, Alibaba, Oracle, Scaleway, as each documents it."""
_SHARED = IPv4Network("100.64.0.0/10")  # RFC 6598
_EMBEDDING = tuple(map(IPv6Network, ("64:ff9b::/96", "::/96")))  # RFC 6052, section 2.1; RFC 4291, section 2.5.5.1
_TRANSLATED = IPv6Network("64:ff9b:1::/48")
"""RFC 8215: a network's own translators live here, with a prefix of any length that is left."""
_LENGTHS = (96, 64, 56, 48)
_THIS_NETWORK = IPv4Network("0.0.0.0/8")

Address = IPv4Address | IPv6Address


def kind_of(address: str) -> str | None:
    """The kind of an address that is not public, such as "a private address"; None for a public one. Where it may stand
    for several, the gravest. Raises ValueError for what is no address."""
    kinds = [kind for ip in meant_by(address) if (kind := _kind_of(ip)) is not None]
    graver = [kind for kind in kinds if kind in NEVER]
    return _METADATA_SERVICE if _METADATA_SERVICE in graver else next(iter(graver + kinds), None)


def _kind_of(ip: Address) -> str | None:
    for kind, holds in (
        (_METADATA_SERVICE, any(ip in network for network in _METADATA)),
        ("the unspecified address", ip.is_unspecified),
        (LOOPBACK, ip.is_loopback),
        ("a link-local address", ip.is_link_local),
        ("a multicast address", ip.is_multicast),
        ("an address shared by a carrier", isinstance(ip, IPv4Address) and ip in _SHARED),
        ("a reserved address", ip.is_reserved),
        ("a private address", not ip.is_global or (isinstance(ip, IPv6Address) and ip.is_site_local)),
    ):
        if holds:
            return kind
    return None


def addressed(address: str) -> Address:
    """What is most likely reached at an address, whatever interface it names. Raises ValueError for what is no
    address."""
    return meant_by(address)[0]


def meant_by(address: str) -> tuple[Address, ...]:
    """All that may be reached at an address: an IPv6 one may stand for an IPv4 one, mapped, translated (NAT64),
    tunnelled (6to4, Teredo) or compatible. Raises ValueError for what is no address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address) or ip.is_unspecified or ip.is_loopback:
        return (ip,)
    if (inner := ip.ipv4_mapped or ip.sixtofour) is not None:
        return (inner,)
    if (ends := ip.teredo) is not None:
        return (ip, *(end for end in ends if end not in _THIS_NETWORK))
    if ip in _TRANSLATED:
        return _translated(ip)
    return (IPv4Address(int(ip) & 0xFFFFFFFF),) if any(ip in network for network in _EMBEDDING) else (ip,)


def _translated(ip: IPv6Address) -> tuple[Address, ...]:
    """By RFC 6052, section 2.2: the prefix's length does not stand in the address, and translators pay no heed to what
    follows. No address of "this network" (0.0.0.0/8) is reached so: zeros come from another length."""
    found = [IPv4Address(_behind(ip.packed, length // 8)) for length in _LENGTHS]
    return tuple(each for each in found if each not in _THIS_NETWORK) or (found[0],)


def _behind(packed: bytes, start: int) -> bytes:
    """Four octets from there on, without the ninth of the address, which is kept free."""
    return bytes(octet for index, octet in enumerate(packed) if index >= start and index != 8)[:4]


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
    except (OSError, ValueError):  # which it raises for letters that are not ASCII
        return digits_alone
    return True


def can_be_looked_up(host: str) -> bool:
    """Whether a name has the form of RFC 1035, section 2.3.4. Of another one no resolver is asked: Python raises."""
    labels = host.removesuffix(".").split(".")
    return len(host) <= 253 and all(0 < len(label) <= 63 for label in labels)
