"""What a Secret lets be done with it: one use, one target, in its own words."""

from typing import Any

import pytest

from keypool.core.consent import CERTIFICATES, as_credential, as_target, as_values, entries_of, origin_of, refusal

HOST = "https://api.example.com"
USE = as_credential("vendor", [f"{HOST}/v1"])
CANARY = "canary-value"


def secret(allow: str | None = None, **facts: Any) -> dict[str, Any]:
    """An Opaque Secret with this annotation."""
    annotations = {"keypool.dev/allow": allow} if allow is not None else {}
    meta = {"name": "admin", "namespace": "shop", "annotations": annotations, **facts.pop("meta", {})}
    return {"metadata": meta, "type": "Opaque", "data": {CANARY: CANARY}, **facts}


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com",
        "https://API.Example.COM/v1/keys",
        "HTTPS://api.example.com:443/",
        "https://api.example.com.:0443",
    ],
)
def test_hosts_are_compared_without_case_final_dot_default_port_and_path(url: str) -> None:
    assert origin_of(url) == HOST
    assert refusal(secret(f"provider/vendor@{url}"), USE) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.com",
        "https://api.example.com:8443",
        "https://api.example.com:80",
        "https://api.example.com.evil.example",
        "https://evil.example/api.example.com",
        "https://evil.example#https://api.example.com",
        "https://api.example.com@evil.example",
        "https://me:pw@api.example.com",
        "https://*.example.com",
        "https://*",
        "*",
        "api.example.com",
        "//api.example.com",
        "https://api.example.com?x",
        "https://api.example.com:0",
        "https://api.example.com:99999",
        "https://xn--pi-7ia.example.com",
        "https://äpi.example.com",
        "https://api。example.com",
        "http\u017f://api.example.com",
        "https://api.example.com\u212a",
    ],
)
def test_another_origin_is_not_allowed(url: str) -> None:
    assert refusal(secret(f"provider/vendor@{url}"), USE) is not None


def test_addresses_are_compared_in_their_shortest_form_with_their_scheme_and_port() -> None:
    use = as_credential("lab", ["http://127.0.0.1:1234/v1", "https://[2001:DB8:0::1]:443/"])
    allow = "provider/lab@http://127.0.0.1:1234 provider/lab@https://[2001:db8::1]"
    assert refusal(secret(allow), use) is None
    assert refusal(secret(allow.replace("http:", "https:")), use) is not None


@pytest.mark.parametrize("between", [",", " ", ", ", "\n", " ,\t\n"])
def test_entries_stand_between_commas_and_white_space(between: str) -> None:
    allow = between.join(["pool/chat", f"provider/other@{HOST}", f"provider/vendor@{HOST}", ""])
    assert refusal(secret(allow), USE) is None
    assert len(entries_of(allow)) == 3


@pytest.mark.parametrize(
    "allow", ["", "*", "provider/vendor", "provider/*@*", f"provider/@{HOST}", f"pool/vendor@{HOST}", "pool/vendor"]
)
def test_what_has_no_target_or_is_for_another_use_allows_nothing(allow: str) -> None:
    assert refusal(secret(allow), USE) is not None


def test_every_endpoint_and_the_token_url_need_an_entry() -> None:
    use = as_credential("vendor", [f"{HOST}/v1", "https://eu.example.com", "https://login.example.com/token"])
    said = refusal(secret(f"provider/vendor@{HOST},provider/vendor@https://eu.example.com"), use)
    assert said is not None
    assert "provider/vendor@https://login.example.com" in said
    assert "eu.example.com" not in said


def test_the_message_is_the_one_line_that_mends_it() -> None:
    said = refusal(secret(), USE)
    line = f"kubectl annotate secret admin --namespace shop keypool.dev/allow=provider/vendor@{HOST}"
    assert said == f"Secret admin does not say that it may be used for this. Its owner can: {line}"
    assert refusal(secret(line.rpartition("allow=")[2]), USE) is None


def test_neither_entries_nor_what_stands_in_the_annotation_are_repeated() -> None:
    said = refusal(secret(f"pool/{CANARY}"), USE)
    assert said is not None
    assert CANARY not in said
    assert f"--overwrite keypool.dev/allow=OLD,provider/vendor@{HOST}, where OLD is what stands there now" in said


def test_a_message_for_many_endpoints_is_short_and_says_how_many_are_left() -> None:
    said = refusal(secret(), as_credential("vendor", [f"https://{n}.{'a' * 60}.example.com" for n in range(8)]))
    assert said is not None
    assert len(said) <= 512
    assert said.endswith("(then 5 more)")


def test_values_may_be_for_a_pool_or_for_a_pool_at_these_hosts_alone() -> None:
    use = as_values("chat", [f"{HOST}/v1"])
    assert refusal(secret("pool/chat"), use) is None
    assert refusal(secret(f"pool/chat@{HOST}"), use) is None
    assert refusal(secret("pool/chat@https://evil.example"), use) is not None
    assert refusal(secret("pool/other"), use) is not None
    assert "keypool.dev/allow=pool/chat@https://api.example.com" in (refusal(secret(), use) or "")


def test_a_target_allows_the_pool_that_writes_it() -> None:
    assert refusal(secret("pool/chat"), as_target("chat")) is None
    assert refusal(secret(f"pool/chat@{HOST}"), as_target("chat")) is not None


OURS: dict[str, dict[str, Any]] = {
    "a ledger": {"type": "keypool.dev/ledger"},
    "a kept credential": {"type": "keypool.dev/provider", "meta": {"labels": {"keypool.dev/provider-record": "true"}}},
    "a published Secret": {"meta": {"labels": {"keypool.dev/published": "true"}}},
    "a published Secret without its labels": {
        "meta": {"ownerReferences": [{"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "controller": True}]}
    },
}


@pytest.mark.parametrize("facts", OURS.values(), ids=OURS.keys())
def test_what_keypool_writes_is_never_used_whatever_it_says(facts: dict[str, Any]) -> None:
    said = refusal(secret(f"provider/vendor@{HOST}", **facts), USE)
    assert said == "Secret admin is one that keypool writes: name one that you fill"


@pytest.mark.parametrize(
    "kind", ["kubernetes.io/service-account-token", "kubernetes.io/tls", "kubernetes.io/basic-auth", "bootstrap"]
)
def test_only_an_opaque_secret_is_a_credential(kind: str) -> None:
    said = refusal(secret(f"provider/vendor@{HOST}", type=kind), USE)
    assert said == "Secret admin is of a type that is not used for this; it must be Opaque"


def test_certificates_may_stand_in_a_secret_of_type_tls() -> None:
    use = as_credential("vendor", [HOST], CERTIFICATES)
    assert refusal(secret(f"provider/vendor@{HOST}", type="kubernetes.io/tls"), use) is None
    assert refusal(secret(f"provider/vendor@{HOST}", type="kubernetes.io/service-account-token"), use) is not None


def test_an_annotation_of_great_length_allows_nothing_and_costs_nothing() -> None:
    said = refusal(secret(f"provider/vendor@{HOST} " * 10_000), USE)
    assert said is not None
    assert "longer than 16384 characters" in said
