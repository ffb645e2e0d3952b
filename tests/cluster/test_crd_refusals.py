"""Nonsense is refused at `kubectl apply`, with a message that names the field and says what would be right."""

from collections.abc import Iterator

import pytest

from keypool.api.crd import cluster_provider_crd, holder_crd, pool_crd, provider_crd
from keypool_lab.controlplane import Cluster
from tests.cluster.crd_manifests import Manifest, answers, cluster_provider, held, holder, pool, provider, tenant
from tests.cluster.crd_refused import LITELLM, LONG_BUT_GOOD, REFUSED, REFUSED_PROVIDERS, REFUSED_TENANTS
from tests.cluster.holders_refused import REFUSED_HOLDERS

ACCEPTED: list[Manifest] = [
    pool("least"),
    pool("empty-parts", key={}, rotation={}, secret={}, health={}),
    pool("one", size=1),
    pool("hundred", size=100, rotation={"maxSurge": 100}),
    pool("shortest", key={"lifetime": "5m"}, rotation={"every": "1m", "renewBefore": "0s", "overlap": {"min": "0s"}}),
    pool("longest", key={"lifetime": "8760h"}, rotation={"every": "8760h", "overlap": {"min": "168h"}}),
    pool("every-above-lifetime", key={"lifetime": "1h"}, rotation={"every": "24h"}),
    pool("fractions", key={"lifetime": "1.5h"}, health={"probeEvery": "5000ms"}),
    pool("sdk", secret={"keys": {"apiKey": "OPENAI_API_KEY", "baseURL": "OPENAI_BASE_URL"}}),
    pool("labelled", secret={"labels": {"app.kubernetes.io/part-of": "shop", "team": ""}}),
    pool("annotated", secret={"annotations": {"example.com/Note": "any text, of any length: -"}}),
    pool(LONG_BUT_GOOD),
    pool("accounted", key={"tags": ["cost:4711"], "metadata": {"example.com/cost-centre": "4711 (shop)"}}),
    provider("at-its-own-endpoint", endpoints=None),
    provider("tagged", holySheep=None, liteLLM={"tags": ["team-a"]}),
    provider("local", endpoints=[{"url": "http://127.0.0.1:8080"}]),
    provider("regions", endpoints=[{"url": f"https://{n}.example.com/v1"} for n in range(8)]),
    provider("budget", requestBudget={"perMinute": 60, "perDay": 10_000}),
    provider("ipv6", endpoints=[{"url": "https://[2001:db8::1]:8443/v1/"}]),
    pool("of-the-cluster", providerRef={"kind": "ClusterKeyProvider", "name": "shared"}),
    holder("empty", held()),
    holder("full", *(held(name, *(f"kp.shop.{name}.a:b_{n}" for n in range(4)), rejected=("k",)) for name in "abcd")),
    cluster_provider("nobody"),
    cluster_provider(
        "somebody",
        tenant(
            namespaceSelector={
                "matchLabels": {"example.com/team": "shop"},
                "matchExpressions": [{"key": "env", "operator": "NotIn", "values": ["dev", ""]}],
            },
            limits={"pools": 3, "keys": 9, "maxLifetime": "24h", "spendLimit": {"required": True, "maxAmount": "9.50"}},
            identity={"team": {"fromNamespaceLabel": "example.com/team"}},
        ),
        tenant(name="rest"),
        **LITELLM,
    ),
]


def refused_manifests() -> list[Manifest]:
    """One manifest for each row of the tables."""
    pools = [pool(name, **spec) for name, (spec, _) in REFUSED.items()]
    providers = [provider(name, **spec) for name, (spec, _) in REFUSED_PROVIDERS.items()]
    return [*pools, *providers, *(manifest for manifest, _ in {**REFUSED_TENANTS, **REFUSED_HOLDERS}.values())]


@pytest.fixture(scope="module")
def refusals(control_plane: Cluster) -> dict[str, str]:
    """What the API server says to each of them."""
    return answers(control_plane, refused_manifests())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        pytest.param(name, row[1], id=name[:40])
        for name, row in {**REFUSED, **REFUSED_PROVIDERS, **REFUSED_TENANTS, **REFUSED_HOLDERS}.items()
    ],
)
def test_nonsense_is_refused_in_plain_words(refusals: dict[str, str], name: str, message: str) -> None:
    """The answer holds the words that tell what is wrong."""
    assert message in refusals[name]


def test_a_refusal_names_one_field_only(refusals: dict[str, str]) -> None:
    """A malformed duration does not also upset the rules that compare it."""
    assert refusals["every-second"].count("Invalid value") == 1


def rules(node: object) -> Iterator[dict[str, str]]:
    """Every CEL rule below a part of a CRD."""
    if isinstance(node, dict):
        yield from node.get("x-kubernetes-validations", ())
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from rules(child)


def test_each_rule_refuses_something_here(refusals: dict[str, str]) -> None:
    """No rule stands untested; those about changes have tests of their own."""
    said = " ".join(refusals.values())
    crds = (pool_crd(), provider_crd(), cluster_provider_crd(), holder_crd())
    about_state = [rule for crd in crds for rule in rules(crd) if "oldSelf" not in rule["rule"]]
    assert about_state
    assert [rule["message"] for rule in about_state if rule["message"] not in said] == []


def test_sense_is_accepted(control_plane: Cluster) -> None:
    """What stands at the edge of a rule, or on the good side of it, passes."""
    assert answers(control_plane, ACCEPTED) == {manifest["metadata"]["name"]: "" for manifest in ACCEPTED}
