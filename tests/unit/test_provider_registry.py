"""Which adapter a KeyProvider gets, and which it is refused."""

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_options import KINDS
from keypool.providers.adapter import Adapter
from keypool.providers.errors import CredentialRejected, EndpointRefused, Rejected
from keypool.providers.registry import build
from keypool_lab.capability_tables import capabilities_of


def spec(url: str = "https://api.holysheep.ai/v1", **options: bool) -> KeyProviderSpec:
    return KeyProviderSpec.model_validate(
        {"holySheep": options, "endpoints": [{"url": url}], "auth": {"secretRef": {"name": "admin"}}}
    )


def test_workloads_get_the_url_of_the_endpoint() -> None:
    assert build(spec(), SecretStr("admin"), allow_insecure=False).base_url == "https://api.holysheep.ai/v1"


@pytest.mark.parametrize("named", [True, False])
def test_names_are_listed_where_the_account_says_so(named: bool) -> None:
    assert build(spec(listsNames=named), SecretStr("admin"), allow_insecure=False).capabilities.lists_names is named


def test_plain_http_is_refused() -> None:
    with pytest.raises(Rejected, match="plain http"):
        build(spec("http://api.holysheep.ai/v1"), SecretStr("admin"), allow_insecure=False)


@pytest.mark.parametrize(
    "host",
    [
        "api..example.com",
        f"{'a' * 64}.example.com",
        "xn--a.example.com",
        "xn--",
        ".".join(["a" * 63] * 5),
        "api.example.com:99999",
    ],
)
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    with pytest.raises(EndpointRefused, match=r"endpoints\[0\]\.url is no URL: check its host and port"):
        build(spec(f"https://{host}/v1"), SecretStr("admin"), allow_insecure=False)


@pytest.mark.parametrize("host", ["api.example.com.", "xn--mnchen-3ya.example", "a", "93.184.216.34", "[2606:2800::1]"])
def test_a_host_that_can_be_looked_up_is_taken(host: str) -> None:
    assert build(spec(f"https://{host}/v1"), SecretStr("admin"), allow_insecure=False)


def test_plain_http_is_taken_where_the_administrator_allows_it() -> None:
    assert build(spec("http://api.holysheep.ai/v1"), SecretStr("admin"), allow_insecure=True)


def test_a_line_break_at_the_end_of_a_credential_does_no_harm() -> None:
    assert build(spec(), SecretStr("admin\n"), allow_insecure=False)


@pytest.mark.parametrize("credential", ["", "\n", "ad\nmin", "ad min", "ädmin", "a" * 4097])
def test_a_credential_that_no_header_can_carry_is_refused_without_being_told(credential: str) -> None:
    with pytest.raises(CredentialRejected, match="empty or holds characters") as caught:
        build(spec(), SecretStr(credential), allow_insecure=False)
    assert not credential.strip() or credential not in str(caught.value)


@pytest.mark.parametrize("tenanted", [True, False])
def test_an_adapter_knows_whether_it_makes_keys_for_tenants(tenanted: bool) -> None:
    class Spec(KeyProviderSpec):
        @property
        def tenanted(self) -> bool:
            return tenanted

    given = Spec.model_validate(spec().model_dump(by_alias=True, exclude_none=True))
    provider = build(given, SecretStr("admin"), allow_insecure=False)
    assert isinstance(provider, Adapter)
    assert provider.tenanted is tenanted


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"plugin"}))
def test_lost_keys_whose_value_was_ours_to_choose_are_found_by_name(kind: str) -> None:
    """By elimination, another pool could claim one whose create call is about to be repeated."""
    known = capabilities_of(kind)
    assert known.lists_names or not known.chooses_value


@pytest.mark.parametrize(
    "host", ["xn--a.com", "[1:2]", "[:::]", "[12345::]", "[::1.2.3.4.5]", f"{'a.' * 130}com", "xn--zz--zz.com"]
)
def test_a_host_that_the_schema_cannot_tell_is_refused_in_words(host: str) -> None:
    url = {"endpoints": [{"url": f"https://{host}"}], "auth": {"secretRef": {"name": "admin"}}, "holySheep": {}}
    with pytest.raises(EndpointRefused, match=r"endpoints\[0\].url is no URL: check its host and port"):
        build(KeyProviderSpec.model_validate(url), SecretStr("admin"), allow_insecure=False)


@pytest.mark.parametrize("host", ["api.example.com.", "a-b.example", "x" * 63, "[2606:4700::1111]:8443", "a.b:65535"])
def test_a_host_of_any_proper_form_is_taken(host: str) -> None:
    url = {"endpoints": [{"url": f"https://{host}/v1/%7Eme"}], "auth": {"secretRef": {"name": "a"}}, "holySheep": {}}
    assert build(KeyProviderSpec.model_validate(url), SecretStr("admin"), allow_insecure=False).base_url.startswith(
        f"https://{host}"
    )
