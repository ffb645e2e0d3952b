"""Providers that others write: a server of the webhook protocol, and adapters that are not there."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from keypool.cluster import paths
from keypool_lab.controlplane import KubectlError
from tests.cluster.running import Operator
from tests.cluster.team import ADMIN_ENTRY, Object, Team, pool_manifest, provider_manifest, secret_manifest, to
from tests.upstreams.webhook_upstream import Webhook
from tests.waiting import eventually

DOCS = Path(__file__).parents[2] / "docs" / "providers"


@pytest.fixture
async def upstream() -> AsyncIterator[Webhook]:
    """A server of the protocol."""
    async with Webhook() as running:
        yield running


def other_provider(url: str, **kind: Any) -> Object:
    manifest = provider_manifest(url, auth={"secretRef": {"name": "other-admin"}}, **kind)
    del manifest["spec"]["holySheep"]
    manifest["metadata"]["name"] = "other"
    return manifest


def other_admin(url: str, credential: str) -> Object:
    return secret_manifest("other-admin", to(url, provider="other"), **{ADMIN_ENTRY: credential})


async def conditions_of(team: Team, kind: str, reason: str) -> Object:
    """The provider's condition, as soon as it has this reason."""

    async def found() -> Object | None:
        provider = await team.client.get(paths.provider(team.namespace, "other"))
        conditions = (provider.get("status") or {}).get("conditions") or []
        return next((c for c in conditions if c["type"] == kind and c["reason"] == reason), None)

    return await eventually(found, 15, f"{kind}/{reason}") or {}


async def test_a_pool_lives_and_ends_at_a_server_of_the_webhook_protocol(
    operator: Operator, team: Team, upstream: Webhook
) -> None:
    webhook = {"capabilities": ["setsExpiry", "setsRateLimit"], "baseURL": "https://api.example.com/v1"}
    admin = other_admin(upstream.url, upstream.admin_credential)
    await team.apply(admin, other_provider(upstream.url, webhook=webhook))
    spec: Any = {"providerRef": {"name": "other"}, "size": 2, "key": {"rateLimit": {"requestsPerMinute": 60}}}
    await team.apply(pool_manifest(**spec))
    await team.ready()
    first = await team.value()
    assert (await team.secret_data())["baseURL"] == "https://api.example.com/v1"
    await team.annotate("chat", rotate="now")
    await team.changes(first)
    await team.delete()
    await team.gone("chat", 20)
    assert await upstream.live_fingerprints() == frozenset()


async def test_a_server_that_can_do_less_than_the_spec_says_is_told(
    operator: Operator, team: Team, upstream: Webhook
) -> None:
    admin = other_admin(upstream.url, upstream.admin_credential)
    await team.apply(admin, other_provider(upstream.url, webhook={"capabilities": ["tellsLastUse"]}))
    told = await conditions_of(team, "Stalled", "ProviderRefused")
    assert told["message"] == "the server cannot do what spec.webhook.capabilities names: tellsLastUse"


async def test_an_adapter_that_is_not_installed_is_told_with_those_that_are(operator: Operator, team: Team) -> None:
    admin = other_admin("https://keys.example.com", "admin")
    await team.apply(admin, other_provider("https://keys.example.com", plugin={"adapter": "acme"}))
    told = await conditions_of(team, "Stalled", "AdapterUnusable")
    assert told["message"] == "no adapter acme is installed in the operator's image (installed: none)"


@pytest.mark.parametrize("page", ["static.md", "webhook.md", "writing-one.md"])
async def test_the_samples_of_a_page_are_accepted(team: Team, page: str) -> None:
    blocks = (DOCS / page).read_text().split("```yaml\n")[1:]
    samples = [each for block in blocks for each in yaml.safe_load_all(block.split("```")[0])]
    ours = [sample for sample in samples if not sample["apiVersion"].startswith("external-secrets")]
    assert ours
    await team.apply(*ours)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ({"webhook": {"capabilities": ["flies"]}}, "flies"),
        ({"webhook": {"baseURL": "https://admin:pw@api.example.com"}}, "must be a URL"),
        ({"plugin": {"adapter": "../acme"}}, "must be the name of an entry point"),
        ({"plugin": {"adapter": "acme", "options": {"a": "b" * 1025}}}, "1024"),
        ({"plugin": {}}, "adapter"),
        ({"static": {"preset": "DeepSeek"}}, "a static provider has no admin credential"),
    ],
)
async def test_nonsense_is_refused_at_once(team: Team, kind: Any, said: str) -> None:
    with pytest.raises(KubectlError, match=said):
        await team.apply(other_provider("https://keys.example.com", **kind))


async def test_a_new_adapter_is_another_provider(team: Team) -> None:
    await team.apply(other_provider("https://keys.example.com", plugin={"adapter": "acme"}))
    with pytest.raises(KubectlError, match="immutable"):
        await team.apply(other_provider("https://keys.example.com", plugin={"adapter": "ajax"}))
