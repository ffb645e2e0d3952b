"""Which requests go through a proxy: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, as curl and Go read them."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # typeshed lacks it

SCHEMES = ("http", "https", "all")


def told(environ: Mapping[str, str]) -> dict[str, str]:
    """By scheme, with `no` for NO_PROXY; small letters win, and a proxy without a scheme speaks HTTP."""
    names = sorted(name for name in environ if name.lower() in {f"{each}_proxy" for each in (*SCHEMES, "no")})
    found = {name.lower().removesuffix("_proxy"): environ[name].strip() for name in names if environ[name].strip()}
    return {name: text if name == "no" or "://" in text else f"http://{text}" for name, text in found.items()}


def faults(environ: Mapping[str, str]) -> list[str]:
    """A sentence for each proxy that cannot be used; it does not repeat the value, which may hold a password."""
    proxies = told(environ)
    return [fault(each) for each in SCHEMES if each in proxies and not is_usable(proxies[each])]


def fault(scheme: str) -> str:
    """What is wrong with a proxy that `is_usable` refuses, without its value."""
    return f"{scheme.upper()}_PROXY must be the URL of an HTTP proxy, such as http://proxy.example.com:3128"


def bypassed(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY has the host (with its port, where it has one): a name, an address or a network."""
    if proxy_bypass_environment(host, {"no": no_proxy}):
        return True
    try:
        address = ip_address(urlsplit(f"//{host}").hostname or "")
    except ValueError:
        return False
    return any(address in network for network in _networks(no_proxy))


def is_usable(url: str) -> bool:
    """Whether it is the URL of a proxy that speaks HTTP, with or without TLS."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _networks(no_proxy: str) -> Iterator[IPv4Network | IPv6Network]:
    for entry in no_proxy.split(","):
        with suppress(ValueError):
            yield ip_network(entry.strip().strip("[]"), strict=False)
