"""What providers may be reached at: public addresses, and those that the operator's administrator lists. Some are
refused whatever is listed: metadata services, link-local addresses, the API server, and the operator's own machine.

A name is checked by what it resolves to, in the resolver that the connector uses: the address that was checked is the
one that is connected to, whatever the name means a moment later. Where a name has several kinds, only those that are
allowed are used.
"""

import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

from keypool.providers.addresses import LOOPBACK, NEVER, Address, addressed, kind_of, meant_by
from keypool.providers.names import names

SETTING = "KEYPOOL_ALLOW_PRIVATE_ENDPOINTS"
SUCH_AS = '"10.0.0.0/8,fd00::/8", and "127.0.0.0/8,::1" for this machine'

Network = IPv4Network | IPv6Network


class AddressRefused(OSError):
    """A name has no address that may be used; the message says of which kind they are."""


def _nobody() -> Collection[tuple[str, int]]:
    return ()


@dataclass(frozen=True, slots=True)
class Reach:
    """`networks`: what is allowed beside public addresses; loopback only where a network of loopback addresses alone
    is listed. `api_server`: addresses and ports of the API server as they are known now."""

    networks: tuple[Network, ...] = ()
    api_server: Callable[[], Collection[tuple[str, int]]] = _nobody

    def refusal(self, host: str, address: str, port: int) -> str | None:
        """Why `host`, which is at that address, is not called; None where it may be. Raises ValueError for what is no
        address."""
        meant, kind = meant_by(address), kind_of(address)
        ours = next((mine for ip in meant if (mine := self._ours(ip, port)) is not None), None)
        if kind in NEVER or (kind := ours or kind) in _OURS:
            return f"{host} is at {kind}, which is never allowed"
        if kind is None or all(self._lists(ip) for ip in meant):
            return None
        return f"{host} is at {kind}, which the operator's administrator does not allow ({SETTING})"

    def _lists(self, ip: Address) -> bool:
        """Whether the administrator allows it, or it is public."""
        kind = kind_of(str(ip))
        return kind is None or any(
            ip in network for network in self.networks if kind != LOOPBACK or network.is_loopback
        )

    def _ours(self, ip: Address, port: int) -> str | None:
        """On loopback addresses other things listen, too: there the API server is told by its port."""
        api = [(addressed(address), at) for address, at in self.api_server()]
        if any(ip == address and (at == port or not ip.is_loopback) for address, at in api):
            return _API_SERVER
        return _OWN if not ip.is_loopback and _is_own(ip) else None

    def refusal_of_host(self, host: str, port: int) -> str | None:
        """The same for the host of a URL, without looking it up; None also for a name."""
        plain = host.rstrip(".")
        try:
            ip_address(plain)
        except ValueError:
            return None
        return self.refusal(host, plain, port)


PUBLIC = Reach()
"""Public addresses alone."""
_API_SERVER, _OWN = "an address of the API server", "an address of the operator's own pod"
_OURS = (_API_SERVER, _OWN)


def _is_own(ip: Address) -> bool:
    """Whether this machine has that address: it would then send from there. Nothing is sent."""
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(ip), 9))
            return addressed(probe.getsockname()[0]) == ip
    except OSError:
        return False


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks and addresses by comma; none is right, too. Raises ValueError, which repeats none of them."""
    entries = [entry.strip() for entry in text.split(",")] if text.strip() else []
    return tuple(_network(entry, f"entry {number} of {len(entries)}") for number, entry in enumerate(entries, 1))


def _network(entry: str, what: str) -> Network:
    if entry.lower() in {"true", "false", "yes", "no", "1", "0"}:
        raise ValueError(f"is a list of networks, and no longer true or false: write those alone that are meant, {_AS}")
    try:
        network = ip_network(entry)
    except ValueError as error:
        why = "has bits set behind its prefix" if "host bits set" in str(error) else "is no network"
        raise ValueError(f"{what} {why}: write networks by comma, {_AS}") from None
    first = str(network.network_address)
    if network.version == 6 and addressed(first).version == 4:
        raise ValueError(f"{what} stands for addresses of IPv4: write their network of IPv4")
    if kind_of(first) in NEVER and kind_of(first) == kind_of(str(network.broadcast_address)):
        raise ValueError(f"{what} has nothing but addresses that are never allowed: each is {kind_of(first)}")
    return network


_AS = f"such as {SUCH_AS}; empty allows public addresses alone"


class CheckedResolver(AbstractResolver):
    """Resolves names to what `reach` allows; `inner` looks them up. Raises AddressRefused where there is none."""

    def __init__(self, reach: Reach, inner: AbstractResolver | None = None) -> None:
        self._reach, self._inner = reach, inner if inner is not None else names()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a name that may be used."""
        found = await self._inner.resolve(host, port, family)
        return self._allowed(host, port, found)

    def _allowed(self, host: str, port: int, found: Sequence[ResolveResult]) -> list[ResolveResult]:
        refusals = [self._reach.refusal(host, result["host"], port) for result in found]
        allowed = [result for result, refusal in zip(found, refusals, strict=True) if refusal is None]
        told = [refusal for refusal in refusals if refusal is not None]
        if not allowed and told:
            raise AddressRefused(told[0])
        return allowed

    async def close(self) -> None:
        """Closes the inner one."""
        await self._inner.close()
