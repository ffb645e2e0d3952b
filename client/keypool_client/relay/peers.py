"""Who is at the other end of a connection."""

from ipaddress import IPv6Address, ip_address


def is_local(peer: tuple[object, ...] | str | None) -> bool:
    """Whether it is a program of this pod. A peer that is gone has no name, and gets nothing anyway."""
    host = peer[0] if isinstance(peer, tuple) and peer else peer
    if host in ("127.0.0.1", "::1"):
        return True
    if not isinstance(host, str):
        return host is None
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return (mapped or address).is_loopback
