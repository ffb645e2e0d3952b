"""Private authorities: added to the public ones, checked before they are used, and never instead of a check."""

import asyncio
import base64
import contextlib
import re
import ssl
import threading
import weakref
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.providers.answers import Answers
from keypool.providers.authorities import (
    MOST_CERTIFICATES,
    MOST_OF_ONE,
    Authorities,
    AuthoritiesUnusable,
    check_public,
    read,
    read_file,
)
from keypool.providers.errors import CertificatesUnusable, Unavailable
from keypool.providers.registry import build
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.certificates import Authority, authority, server_context, serving_tls
from tests.reaching import THIS_MACHINE
from tests.unit.test_addresses import Names

HOST, NOW = "keys.example.internal", datetime.now(UTC)
CA, OTHER = authority(), authority("another")
SPOILT = CA.pem.replace(CA.pem.splitlines()[3], "canary")
NOT_ASCII = CA.pem.replace("\n", " canary\u00e9\n", 2)
BUNDLES = [f"# {number}\n{CA.pem}" for number in range(MOST_OF_ONE + 1)]
"""Different ones, though they trust the same."""
CROWD = Answers(lambda _: "crowd").share("uid")
UNDATED = ssl.DER_cert_to_PEM_cert(
    re.sub(rb"(\x17\x0d)[0-9]{12}Z", rb"\g<1>999999999999Z", ssl.PEM_cert_to_DER_cert(CA.pem))
)
EXPIRED = authority("expired", timedelta(hours=-1))


async def ask(folder: Path, authorities: Authorities, bundle: str = "", by: Authority = CA) -> int:
    """The status that a server gives whose certificate an authority signed."""
    async with serving_tls(server_context(folder, by, HOST), []) as port:
        tls = authorities.context(bundle)
        url, names = f"https://{HOST}:{port}", Names("127.0.0.1")
        transport = Transport(url, SecretStr("admin"), Deadlines(), reach=THIS_MACHINE, names=names, tls=tls)
        try:
            return (await transport.call(Call("ask", "GET", "/"))).status
        finally:
            await transport.close()


@pytest.mark.parametrize(("added", "bundle"), [(CA.pem, ""), ("", CA.pem), (OTHER.pem, CA.pem)])
async def test_what_an_added_authority_signed_is_accepted(tmp_path: Path, added: str, bundle: str) -> None:
    assert await ask(tmp_path, Authorities(added), bundle) == 200


@pytest.mark.parametrize(("added", "bundle"), [("", ""), ("", OTHER.pem)])
async def test_what_another_signed_is_not(tmp_path: Path, added: str, bundle: str) -> None:
    with pytest.raises(Unavailable, match="its certificate is not accepted"):
        await ask(tmp_path, Authorities(added), bundle)


def test_authorities_are_added_and_replace_none() -> None:
    public = Authorities().context().cert_store_stats()["x509"]
    assert public > 50
    assert Authorities(CA.pem).context(OTHER.pem).cert_store_stats()["x509"] == public + 2


def test_one_bundles_authorities_are_not_anothers() -> None:
    known = Authorities()
    first, second = known.context(CA.pem), known.context(OTHER.pem)
    assert first is known.context(CA.pem)
    assert first.cert_store_stats() == second.cert_store_stats()
    assert first is not second


def test_clients_of_any_namespace_that_trust_the_same_share_one_context_which_goes_with_the_last() -> None:
    known = Authorities()
    first = known.context(CA.pem, "a")
    assert known.context(CA.pem, "b") is first
    assert known.context() is known.context("", "b")
    gone = weakref.ref(first)
    del first
    assert gone() is None


def test_a_namespace_has_a_few_different_bundles_in_use_and_no_other_one_suffers() -> None:
    known = Authorities()
    in_use = [known.context(each, "crowd") for each in BUNDLES[:MOST_OF_ONE]]
    with pytest.raises(AuthoritiesUnusable, match=f"one too many: .* {MOST_OF_ONE} different ones at most"):
        known.context(BUNDLES[-1], "crowd")
    assert known.context(BUNDLES[0], "crowd") is in_use[0]
    assert known.context("", "crowd")
    assert known.context(BUNDLES[-1], "bystander")
    in_use.pop()
    assert known.context(BUNDLES[-1], "crowd"), "a client that is gone makes room"
    in_use.append(known.context(BUNDLES[-1], "crowd"))
    with pytest.raises(CertificatesUnusable, match="the provider's CA bundle is one too many"):
        build(spec(caBundle=BUNDLES[-2]), SecretStr("k"), allow_insecure=False, authorities=known, share=CROWD)


def test_a_namespace_that_has_all_its_bundles_in_use_can_still_replace_one_by_another() -> None:
    known = Authorities()
    in_use = [known.context(each, "crowd") for each in BUNDLES[:MOST_OF_ONE]]
    replacing = Answers(lambda _: "crowd").share("uid", replaces=True)
    build(spec(caBundle=BUNDLES[-1]), SecretStr("k"), allow_insecure=False, authorities=known, share=replacing)
    assert len(in_use) == MOST_OF_ONE


async def test_of_many_bundles_that_wait_no_more_are_made_than_their_namespace_may_have() -> None:
    known, made, in_use = Authorities(), list[str](), list[ssl.SSLContext]()
    make = known._tried

    def noted(bundle: str) -> Any:
        made.append(bundle)
        return make(bundle)

    async def look(bundle: str) -> None:
        await known.prepare(bundle, "crowd")
        with contextlib.suppress(AuthoritiesUnusable):
            in_use.append(known.context(bundle, "crowd"))

    known._tried = noted  # type: ignore[method-assign]
    bundles = [f"# {number}\n{CA.pem}" for number in range(2 * MOST_OF_ONE)]
    await asyncio.gather(*map(look, bundles))
    assert len(in_use) == MOST_OF_ONE
    assert len(made) <= MOST_OF_ONE + 1


def test_a_bundle_of_an_object_that_was_made_before_there_was_a_smaller_bound_goes_on() -> None:
    before = f"{CA.pem}{'#' * 40_000}"
    given = spec(caBundle=before)
    assert given.ca_bundle is not None
    assert read(given.ca_bundle, NOW) == CA.pem.strip()


async def test_what_takes_long_of_a_client_is_made_in_a_thread_and_found_when_it_is_built() -> None:
    known, seen = Authorities(), list[int]()
    make = known._tried

    def noted(bundle: str) -> Any:
        seen.append(threading.get_ident())
        return make(bundle)

    known._tried = noted  # type: ignore[method-assign]
    await asyncio.gather(*(known.prepare(each, "team") for each in (CA.pem, CA.pem, "no certificate")))
    assert known.context(CA.pem, "team").cert_store_stats()["x509_ca"] > 0
    with pytest.raises(AuthoritiesUnusable, match="holds no certificate"):
        known.context("no certificate", "team")
    assert len(seen) == 2
    assert threading.get_ident() not in seen


@pytest.mark.parametrize("form", ["pem", "base64", "wrapped", "with words"])
def test_a_bundle_may_be_pem_or_its_base64(form: str) -> None:
    encoded = base64.b64encode(CA.pem.encode()).decode()
    wrapped = "\n".join(encoded[start : start + 64] for start in range(0, len(encoded), 64))
    forms = {"pem": CA.pem, "base64": encoded, "wrapped": wrapped, "with words": f"# our CA\n{CA.pem}\n"}
    assert Authorities().context(read(forms[form], NOW)).cert_store_stats()["x509_ca"] > 0


@pytest.mark.parametrize("name", ["expired", "test authority"])
async def test_one_that_expired_among_others_is_no_mistake(tmp_path: Path, name: str) -> None:
    """Not even one of the same name, as a renewed authority has it."""
    bundle = read(authority(name, timedelta(hours=-1)).pem + CA.pem, NOW)
    assert await ask(tmp_path, Authorities(), bundle) == 200


async def test_what_an_expired_one_among_others_signed_is_refused_because_it_expired(tmp_path: Path) -> None:
    bundle = read(EXPIRED.pem + CA.pem, NOW)
    with pytest.raises(Unavailable, match="its certificate is not accepted: certificate has expired"):
        await ask(tmp_path, Authorities(), bundle, by=EXPIRED)


WRONG: dict[str, tuple[str, str]] = {
    "words": ("canary", "holds no certificate: it has to be PEM"),
    "DER": ("MIIBcanary+/==", "holds no certificate"),
    "a private key": (CA.private, "holds a private key"),
    "both": (CA.pem + CA.private, "holds a private key"),
    "a key in base64": (base64.b64encode(CA.private.encode()).decode(), "holds a private key"),
    "cut off": (CA.pem[:200], "is cut off"),
    "spoilt": (SPOILT, "certificate 1 of 1 cannot be read"),
    "second spoilt": (CA.pem + SPOILT, "certificate 2 of 2 cannot be read"),
    "not ASCII": (NOT_ASCII, "certificate 1 of 1 cannot be read"),
    "no date": (UNDATED, "certificate 1 of 1 cannot be read"),
    "expired": (EXPIRED.pem, f"the last one expired on {NOW - timedelta(hours=1):%Y-%m-%d}"),
    "too many": (CA.pem * (MOST_CERTIFICATES + 1), f"holds {MOST_CERTIFICATES + 1} certificates"),
    "too long": ("x" * 65537, "is longer than 65536 bytes"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_what_is_no_bundle_is_said_and_not_repeated(text: str, said: str) -> None:
    with pytest.raises(AuthoritiesUnusable, match=said) as caught:
        read(text, NOW)
    assert "canary" not in str(caught.value)
    assert CA.private.splitlines()[1] not in str(caught.value)


def spec(**fields: object) -> KeyProviderSpec:
    """A provider with these fields."""
    auth = {"secretRef": {"name": "admin"}}
    given = {"holySheep": {}, "endpoints": [{"url": f"https://{HOST}"}], "auth": auth, **fields}
    return KeyProviderSpec.model_validate(given)


def test_what_was_given_as_a_bundle_is_not_in_a_providers_repr() -> None:
    """It may be a private key."""
    assert "canary" not in repr(spec(caBundle="canary"))


def test_a_provider_with_a_spoilt_bundle_is_not_built() -> None:
    with pytest.raises(CertificatesUnusable, match="the provider's CA bundle holds no certificate"):
        build(spec(caBundle="canary"), SecretStr("admin"), allow_insecure=False)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_a_variable_of_openssl_that_names_nothing_is_told(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = str(tmp_path / "missing.pem")
    monkeypatch.setenv(variable, missing)
    said = check_public({variable: missing})
    assert said is not None
    assert said.startswith(f"{variable}: ")


@pytest.mark.parametrize("content", ["", "no certificates here"])
def test_a_file_of_openssl_without_certificates_is_told(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "certs.pem"
    file.write_text(content)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    assert (check_public({"SSL_CERT_FILE": str(file)}) or "").startswith("SSL_CERT_FILE: ")
    file.write_text(CA.pem)
    assert check_public({"SSL_CERT_FILE": str(file)}) is None


def test_a_file_that_is_not_ascii_is_said_and_not_repeated(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(NOT_ASCII, "utf-8")
    with pytest.raises(AuthoritiesUnusable, match="certificate 1 of 1 cannot be read") as caught:
        read_file(file, NOW)
    assert "canary" not in str(caught.value)
