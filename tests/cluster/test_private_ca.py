"""A provider whose certificate a private authority signed: its certificates stand in the spec or in a Secret."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from keypool.cluster import paths
from keypool.reconcile import consenting
from keypool_lab.simulator import Simulator
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Operator
from tests.cluster.team import (
    PROVIDER,
    Team,
    admin_secret,
    condition_in,
    pool_manifest,
    provider_manifest,
    secret_manifest,
    to,
)
from tests.contract.certificates import authority, server_context, tls_before
from tests.contract.connect_proxy import ConnectProxy, running
from tests.waiting import eventually

CA, OTHER = authority(), authority("another")


async def provider_has(team: Team, reason: str, saying: str = "") -> str:
    """The message of the provider's Ready condition, as soon as it has that reason and says this."""

    async def told() -> str:
        ready = condition_in(await team.client.get(paths.provider(team.namespace, PROVIDER)), "Ready")
        return ready["message"] if ready.get("reason") == reason and saying in ready["message"] else ""

    return await eventually(told, 15, f"the provider says {reason} {saying}")


async def told_to_relays(team: Team) -> list[str]:
    """The certificates of each endpoint."""
    content = json.loads((await team.secret_data("chat-relay"))["keys.json"])
    return [endpoint["ca"] for endpoint in content["endpoints"]]


@pytest.mark.usefixtures("operator")
async def test_a_bundle_in_the_spec_can_be_put_right_and_changes_no_key(
    team: Team, simulator: Simulator, tmp_path: Path
) -> None:
    path = paths.provider(team.namespace, PROVIDER)
    context, port = server_context(tmp_path, CA, "localhost"), urlsplit(simulator.url).port or 0
    async with tls_before(context, port) as front:
        url = f"https://localhost:{front}{urlsplit(simulator.url).path}"
        await team.apply(admin_secret(simulator, url), pool_manifest())
        await team.apply(provider_manifest(url, caBundle=OTHER.pem))
        await provider_has(team, "ProviderUnavailable", "its certificate is not accepted")
        await team.client.patch(path, {"spec": {"caBundle": CA.pem}})
        await team.ready(deadline=30)
        value = await team.value()
        assert await told_to_relays(team) == [CA.pem.strip()]
        await team.client.patch(path, {"spec": {"caBundle": f"for us:\n{OTHER.pem}{CA.pem}"}})

        async def both() -> bool:
            return await told_to_relays(team) == [f"{OTHER.pem.strip()}\n{CA.pem.strip()}"]

        await eventually(both, 20, "relays trust both")
        assert await team.value() == value
        assert simulator.record.mutations() == {"created": 1}


async def test_a_bundle_in_a_secret_may_come_later_and_is_checked_without_being_repeated(
    operator: Operator, team: Team, simulator: Simulator, tmp_path: Path
) -> None:
    """Its keys are revoked although the provider object, its credential and its certificates went with the pool."""
    context, port = server_context(tmp_path, CA, "localhost"), urlsplit(simulator.url).port or 0
    async with tls_before(context, port) as front:
        url = f"https://localhost:{front}{urlsplit(simulator.url).path}"
        await team.apply(admin_secret(simulator, url), pool_manifest())
        await team.apply(provider_manifest(url, caSecretRef={"name": "ca"}))
        said = await provider_has(team, "CredentialMissing")
        assert said == f'spec.caSecretRef: there is no Secret "ca" in namespace "{team.namespace}"'
        await team.apply(secret_manifest("ca", to(url), **{"ca.crt": f"canary {CA.private}"}))
        assert "canary" not in await provider_has(team, "CertificatesUnusable", "holds a private key")
        await team.apply(secret_manifest("ca", to(url), **{"ca.crt": CA.pem}))
        await team.ready(deadline=30)
        await team.kubectl("delete", "namespace", team.namespace, "--timeout=150s")

        async def none_lives() -> bool:
            return not simulator.record.live_keys()

        await eventually(none_lives, 20, "no key lives")
    assert operator.running


async def test_certificates_whose_secret_takes_its_word_back_are_for_no_new_key_and_a_leak_is_contained_with_them(
    *, operator: Operator, team: Team, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also after a restart, with what was kept."""
    monkeypatch.setattr(consenting, "AT_ONCE", 0.0)
    context, port = server_context(tmp_path, CA, "localhost"), urlsplit(simulator.url).port or 0
    async with tls_before(context, port) as front:
        url = f"https://localhost:{front}{urlsplit(simulator.url).path}"
        await team.apply(admin_secret(simulator, url), secret_manifest("ca", to(url), **{"ca.crt": CA.pem}))
        await team.apply(provider_manifest(url, caSecretRef={"name": "ca"}), pool_manifest(size=2))
        await team.ready(deadline=30)
        word = {"metadata": {"annotations": {"keypool.dev/allow": None}}}
        await team.client.patch(paths.secret(team.namespace, "ca"), word)
        await team.annotate("chat", rotate="now")
        stalled = await team.has("chat", "Stalled", "True", "ConsentMissing")
        line = f"kubectl annotate secret ca --namespace {team.namespace} keypool.dev/allow={to(url)}"
        assert stalled["message"].endswith(
            f"spec.caSecretRef: Secret ca does not say that it may be used for this. Its owner can: {line}"
        )
        assert line in await provider_has(team, "ConsentMissing")
        await operator.restart()
        await team.has("chat", "Stalled", "True", "ConsentMissing")
        leaked = (await team.keys())[1]["name"]
        await team.annotate("chat", compromised=f"{leaked}!now@1")

        async def contained() -> bool:
            return len(simulator.record.live_keys()) == 1

        await eventually(contained, 20, "the leaked key is revoked")
        assert simulator.record.mutations() == {"created": 2, "deleted by api": 1}
        before = await team.values()
        await team.kubectl(*line.removeprefix("kubectl ").split())

        async def rotated() -> bool:
            return len(now := await team.values()) == 2 and before.isdisjoint(now)

        await eventually(rotated, 30, "the rotation that was asked for is made up for")


async def test_an_operator_behind_a_proxy_with_an_authority_of_its_own(
    make_operator: OperatorMaker, team: Team, simulator: Simulator, tmp_path: Path
) -> None:
    """Only the provider is called through the proxy, and the API server never."""
    host, port = "keys.example.com", urlsplit(simulator.url).port or 0
    file = tmp_path / "ca.pem"
    file.write_text(CA.pem)
    async with tls_before(server_context(tmp_path, CA, host), port) as front, running(ConnectProxy(front)) as proxy:
        behind = make_operator("behind")
        given = {
            "https_proxy": SecretStr(f"http://operator:canary@127.0.0.1:{proxy.port}"),
            "proxy_resolves": True,
            "ca_file": file,
        }
        behind.settings = behind.settings.model_copy(update=given)
        await behind.start()
        url = f"https://{host}{urlsplit(simulator.url).path}"
        admin = admin_secret(simulator, url)
        await team.apply(admin, provider_manifest(url), pool_manifest())
        await team.ready(deadline=30)
        assert set(proxy.asked) == {f"{host}:443"}
        proxy.answer = "403"
        await team.annotate("chat", rotate="now")
        refused = await team.has("chat", "Healthy", "False", "ProviderUnavailable")
        assert "the operator's proxy (KEYPOOL_HTTPS_PROXY) makes no connection: it answered 403" in refused["message"]
        assert (await team.status())["counts"].get("unresolved", 0) == 0, "nothing was sent, so nothing is lost"
        await behind.stop()
