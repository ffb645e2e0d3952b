"""Which hosts a proxy is used for, and which proxies are refused."""

import pytest

from keypool_client.proxies import bypassed, faults, told


@pytest.mark.parametrize(
    ("host", "no_proxy", "expected"),
    [
        ("api.example.com", "example.com", True),
        ("api.example.com:8443", "localhost, .example.com", True),
        ("api.example.com", "other.example", False),
        ("10.1.2.3:8080", "10.0.0.0/8", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("[::1]:8080", "localhost,::1", True),
        ("[::1]", "[::1]", True),
        ("[fd00::7]:443", "fd00::/8", True),
        ("[2001:db8::7]", "fd00::/8,10.0.0.0/8", False),
        ("api.example.com", "10.0.0.0/33,not/anything,", False),
    ],
)
def test_no_proxy_has_names_addresses_and_networks(host: str, no_proxy: str, expected: bool) -> None:
    assert bypassed(host, no_proxy) is expected


def test_a_proxy_without_a_scheme_speaks_http_and_small_letters_win() -> None:
    environ = {"HTTPS_PROXY": "large:1", "https_proxy": "small:3128", "NO_PROXY": "a,b", "ALL_PROXY": "", "OTHER": "x"}
    assert told(environ) == {"https": "http://small:3128", "no": "a,b"}
    assert faults(environ) == []


@pytest.mark.parametrize("text", ["socks5://canary:1", "http://[canary", "http://", "http://canary:99999"])
def test_a_proxy_that_cannot_be_used_is_told_without_its_value(text: str) -> None:
    (sentence,) = faults({"HTTPS_PROXY": text})
    assert "HTTPS_PROXY must be the URL of an HTTP proxy" in sentence
    assert "canary" not in sentence
