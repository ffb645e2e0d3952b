"""Which addresses an endpoint may have, however they are written and whatever names lead to them."""

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.addresses import NEVER, kind_of
from keypool.providers.errors import EndpointRefused
from keypool.providers.reach import PUBLIC as ONLY_PUBLIC
from keypool.providers.reach import AddressRefused, CheckedResolver, Reach, parse_networks
from keypool.providers.registry import build

PUBLIC = (
    "93.184.215.14",
    "2606:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "64:ff9b:1::808:808",
    "64:ff9b:1:808:8:800::",
)
NOT_PUBLIC = {
    "127.0.0.1": "a loopback address",
    "127.8.8.8": "a loopback address",
    "10.0.0.1": "a private address",
    "172.31.255.255": "a private address",
    "192.168.0.1": "a private address",
    "169.254.169.254": "the address of a metadata service",
    "168.63.129.16": "the address of a metadata service",
    "fd00:ec2::254": "the address of a metadata service",
    "fd00:ec2::254%eth0": "the address of a metadata service",
    "fd00:ec2::23": "the address of a metadata service",
    "fd20:ce::254": "the address of a metadata service",
    "100.100.100.200": "the address of a metadata service",
    "169.254.1.1": "a link-local address",
    "::1": "a loopback address",
    "fe80::1": "a link-local address",
    "fe80::1%eth0": "a link-local address",
    "fd00::1": "a private address",
    "fec0::1": "a private address",
    "100.64.0.1": "an address shared by a carrier",
    "::ffff:10.0.0.1": "a private address",
    "::ffff:169.254.169.254": "the address of a metadata service",
    "::10.0.0.1": "a private address",
    "64:ff9b::a00:1": "a private address",
    "64:ff9b:1:a9fe:a9:fe00:808:808": "the address of a metadata service",
    "64:ff9b:1:a9fe:a9:fe00::": "the address of a metadata service",
    "64:ff9b:1:a9:fe:a9fe:808:808": "the address of a metadata service",
    "64:ff9b:1:808:a9:fea9:fe08:808": "the address of a metadata service",
    "64:ff9b:1::a9fe:a9fe": "the address of a metadata service",
    "64:ff9b:1:7f00:0:100:808:808": "a loopback address",
    "64:ff9b:1::": "the unspecified address",
    "2001:0:4136:e378:8000:63bf:f5ff:fffe": "a private address",
    "2001:0:a9fe:a9fe::3fff:fdd2": "the address of a metadata service",
    "2001:0:4136:e378:8000:63bf:5601:5601": "the address of a metadata service",
    "2002:a9fe:a9fe::1": "the address of a metadata service",
    "::169.254.169.254": "the address of a metadata service",
    "2002:7f00:1::": "a loopback address",
    "2001::1": "a private address",
    "0.0.0.0": "the unspecified address",  # noqa: S104
    "::": "the unspecified address",
    "0.1.2.3": "a private address",
    "224.0.0.1": "a multicast address",
    "ff02::1": "a multicast address",
    "240.0.0.1": "a reserved address",
    "255.255.255.255": "a reserved address",
    "192.0.2.1": "a private address",
    "2001:db8::1": "a private address",
}
ODD = ("2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "127.1", "010.0.0.1")


def spec(url: str) -> KeyProviderSpec:
    """A provider with a good first endpoint, and that one."""
    return KeyProviderSpec.model_validate(
        {
            "holySheep": {},
            "endpoints": [{"url": "https://api.example.com/v1"}, {"url": url}],
            "auth": {"secretRef": {"name": "admin"}},
        }
    )


class Names(AbstractResolver):
    """Finds these addresses for each name."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_of_no_kind_that_is_refused(address: str) -> None:
    assert kind_of(address) is None


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC.items())
def test_an_address_that_is_not_public_is_told_by_its_kind(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(("address", "kind"), [(a, k) for a, k in NOT_PUBLIC.items() if "%" not in a])
def test_an_endpoint_at_such_an_address_is_refused_with_the_setting_if_one_allows_it(address: str, kind: str) -> None:
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(EndpointRefused) as caught:
        build(spec(f"https://{host}:8443/v1"), SecretStr("admin"), allow_insecure=False)
    said = str(caught.value)
    assert said.startswith("endpoints[1].url: ")
    assert f"{address} is at {kind}" in said
    assert ("KEYPOOL_ALLOW_PRIVATE_ENDPOINTS" in said) is (kind not in NEVER)
    assert said.endswith("which is never allowed") is (kind in NEVER)


ALL = Reach(parse_networks("0.0.0.0/0,::/0"))
WITH_LOOPBACK = Reach(parse_networks("0.0.0.0/0,::/0,127.0.0.0/8,::1"))


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC.items())
def test_where_everything_is_listed_what_is_never_allowed_stays_refused(address: str, kind: str) -> None:
    assert (WITH_LOOPBACK.refusal("host", address, 443) is not None) is (kind in NEVER)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "2002:7f00:1::"])
def test_loopback_is_allowed_only_where_a_network_of_loopback_addresses_is_listed(address: str) -> None:
    assert ALL.refusal("host", address, 443) is not None
    assert WITH_LOOPBACK.refusal("host", address, 443) is None


@pytest.mark.parametrize(
    ("listed", "allowed", "refused"),
    [
        ("10.0.0.0/8", "10.1.2.3", "192.168.0.1"),
        ("10.0.0.0/8", "64:ff9b::a00:1", "fd00::1"),
        ("192.168.7.7", "192.168.7.7", "192.168.7.8"),
        ("fd12::/16", "fd12::1", "fd13::1"),
        ("100.64.0.0/10", "100.64.0.1", "100.100.100.200"),
        ("127.0.0.0/8", "127.0.0.1", "10.0.0.1"),
    ],
)
async def test_an_address_is_taken_only_in_a_network_that_the_administrator_lists(
    listed: str, allowed: str, refused: str
) -> None:
    reach = Reach(parse_networks(listed))
    found = await CheckedResolver(reach, Names(refused, allowed)).resolve("api.example.com", 443)
    assert [result["host"] for result in found] == [allowed]
    host = f"[{allowed}]" if ":" in allowed else allowed
    assert build(spec(f"https://{host}/v1"), SecretStr("admin"), allow_insecure=False, reach=reach)


def test_the_api_servers_address_is_refused_whatever_is_listed_or_public() -> None:
    reach = Reach(parse_networks("10.0.0.0/8,127.0.0.0/8"), lambda: {("10.96.0.1", 443), ("93.184.215.14", 443)})
    for address in ("10.96.0.1", "::ffff:10.96.0.1", "93.184.215.14"):
        for port in (443, 6443, 10250):
            said = reach.refusal("api.example.com", address, port) or ""
            assert said == "api.example.com is at an address of the API server, which is never allowed"
    assert reach.refusal("api.example.com", "10.96.0.2", 443) is None


def test_at_a_loopback_address_the_api_server_is_told_by_its_port() -> None:
    reach = Reach(parse_networks("127.0.0.0/8"), lambda: {("127.0.0.1", 6443)})
    assert "API server" in (reach.refusal("localhost", "127.0.0.1", 6443) or "")
    assert reach.refusal("localhost", "127.0.0.1", 8080) is None


def own_address() -> str:
    """One that this machine has, and that is no loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but loopback ones")
        return str(probe.getsockname()[0])


def test_the_pods_own_addresses_are_refused_whatever_is_listed() -> None:
    said = ALL.refusal("api.example.com", own_address(), 443)
    assert said == "api.example.com is at an address of the operator's own pod, which is never allowed"


@pytest.mark.parametrize("reach", [WITH_LOOPBACK, ONLY_PUBLIC])
@pytest.mark.parametrize("host", ODD)
def test_an_address_in_a_notation_that_programs_read_differently_is_refused(host: str, reach: Reach) -> None:
    with pytest.raises(EndpointRefused, match="unusual notation"):
        build(spec(f"https://{host}/v1"), SecretStr("admin"), allow_insecure=False, reach=reach)


@pytest.mark.parametrize(("address", "kind"), NOT_PUBLIC.items())
async def test_a_name_that_leads_to_such_an_address_is_refused_when_it_is_looked_up(address: str, kind: str) -> None:
    with pytest.raises(AddressRefused, match=f"api.example.com is at {kind}"):
        await CheckedResolver(ONLY_PUBLIC, Names(address)).resolve("api.example.com", 443)


async def test_of_a_name_with_both_kinds_only_the_public_address_is_used() -> None:
    found = await CheckedResolver(ONLY_PUBLIC, Names("10.0.0.1", "93.184.215.14", "::1")).resolve(
        "api.example.com", 443
    )
    assert [result["host"] for result in found] == ["93.184.215.14"]


async def test_the_name_of_this_machine_is_refused_as_the_system_looks_it_up() -> None:
    with pytest.raises(AddressRefused, match="localhost is at a loopback address"):
        await CheckedResolver(ONLY_PUBLIC).resolve("localhost", 443)


@pytest.mark.parametrize("url", ["https://[:::]/v1", "https://api.example.com:99999/v1", "https://127.0.0.1./v1"])
def test_a_url_that_leads_nowhere_or_hides_an_address_is_refused(url: str) -> None:
    with pytest.raises(EndpointRefused, match=r"endpoints\[1\]\.url"):
        build(spec(url), SecretStr("admin"), allow_insecure=False)


@pytest.mark.parametrize("host", ["256.2", "1.2.3.4.5", "127.1.", "2130706433."])
def test_a_host_of_digits_alone_is_refused_for_it_would_be_looked_up_behind_the_resolvers_back(host: str) -> None:
    """aiohttp takes it for an address, does not ask the resolver, and the system looks it up as a name after all."""
    with pytest.raises(EndpointRefused, match="unusual notation"):
        build(spec(f"https://{host}/v1"), SecretStr("admin"), allow_insecure=False)
