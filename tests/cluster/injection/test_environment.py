"""Which variables a container gets, by what it has."""

from typing import Any

import pytest

from keypool.cluster.client import KubeClient
from tests.cluster.injection.installing import Injection, Object, pod

OPENAI = {
    "OPENAI_BASE_URL": "http://127.0.0.1:8484/v1",
    "OPENAI_API_BASE": "http://127.0.0.1:8484/v1",
    "OPENAI_API_KEY": "keypool",
}
ANTHROPIC = {"ANTHROPIC_BASE_URL": "http://127.0.0.1:8484", "ANTHROPIC_API_KEY": "keypool"}
GEMINI = {"GOOGLE_GEMINI_BASE_URL": "http://127.0.0.1:8484", "GEMINI_API_KEY": "keypool"}
URLS = {name: value for name, value in OPENAI.items() if name != "OPENAI_API_KEY"}
HERE = "127.0.0.1,localhost"
SECRET = {"valueFrom": {"secretKeyRef": {"name": "own", "key": "key"}}}
Env = dict[str, Any]

# How it is told: the dialect, what the container has, and what it gets beside that or instead of it.
CASES: dict[str, tuple[str, Env, Env]] = {
    "nothing of its own": ("openai", {}, OPENAI),
    "a variable that is none of ours": ("openai", {"MODE": "fast"}, OPENAI),
    "a base URL": ("openai", {"OPENAI_BASE_URL": "https://api.example.com/v1"}, {}),
    "a base URL by the old name": ("openai", {"OPENAI_API_BASE": "https://api.example.com/v1"}, {}),
    "an empty base URL": ("openai", {"OPENAI_BASE_URL": ""}, {}),
    "a key": ("openai", {"OPENAI_API_KEY": "own"}, URLS),
    "a key from a Secret": ("openai", {"OPENAI_API_KEY": SECRET}, URLS),
    "a base URL and a key": ("openai", {"OPENAI_BASE_URL": "https://api.example.com/v1", "OPENAI_API_KEY": "own"}, {}),
    "Azure": ("openai", {"AZURE_OPENAI_ENDPOINT": "https://azure.example.com"}, {}),
    "Azure and a proxy": (
        "openai",
        {"AZURE_OPENAI_ENDPOINT": "https://azure.example.com", "HTTPS_PROXY": "http://p"},
        {},
    ),
    "a federation rule": ("anthropic", {"ANTHROPIC_FEDERATION_RULE_ID": "rule"}, {}),
    "a bearer token": ("anthropic", {"ANTHROPIC_AUTH_TOKEN": SECRET}, {}),
    "a bearer token of another vendor": ("openai", {"ANTHROPIC_AUTH_TOKEN": "own"}, {}),
    "anthropic": ("anthropic", {}, ANTHROPIC),
    "anthropic and a key": (
        "anthropic",
        {"ANTHROPIC_API_KEY": "own"},
        {"ANTHROPIC_BASE_URL": ANTHROPIC["ANTHROPIC_BASE_URL"]},
    ),
    "anthropic and a base URL": ("anthropic", {"ANTHROPIC_BASE_URL": "https://api.example.com"}, {}),
    "anthropic and OpenAI's base URL": ("anthropic", {"OPENAI_BASE_URL": "https://api.example.com"}, ANTHROPIC),
    "gemini": ("gemini", {}, GEMINI),
    "gemini and a key": (
        "gemini",
        {"GEMINI_API_KEY": "own"},
        {"GOOGLE_GEMINI_BASE_URL": GEMINI["GOOGLE_GEMINI_BASE_URL"]},
    ),
    "gemini and a key by its other name": (
        "gemini",
        {"GOOGLE_API_KEY": "own"},
        {"GOOGLE_GEMINI_BASE_URL": GEMINI["GOOGLE_GEMINI_BASE_URL"]},
    ),
    "gemini and a base URL": ("gemini", {"GOOGLE_GEMINI_BASE_URL": "https://api.example.com"}, {}),
    "none": ("none", {"HTTP_PROXY": "http://proxy"}, {}),
    "a proxy": ("openai", {"HTTPS_PROXY": "http://proxy"}, {**OPENAI, "NO_PROXY": HERE}),
    "a proxy in small letters": ("openai", {"http_proxy": "http://proxy"}, {**OPENAI, "NO_PROXY": HERE}),
    "a proxy from a Secret": ("openai", {"ALL_PROXY": SECRET}, {**OPENAI, "NO_PROXY": HERE}),
    "an empty proxy": ("openai", {"HTTPS_PROXY": ""}, OPENAI),
    "no proxy, and exceptions": ("openai", {"NO_PROXY": "10.0.0.0/8"}, OPENAI),
    "a proxy with exceptions": (
        "openai",
        {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "10.0.0.0/8, .svc"},
        {**OPENAI, "NO_PROXY": f"10.0.0.0/8, .svc,{HERE}"},
    ),
    "a proxy with exceptions in small letters": (
        "openai",
        {"http_proxy": "http://proxy", "no_proxy": ".svc"},
        {**OPENAI, "no_proxy": f".svc,{HERE}"},
    ),
    "a proxy with exceptions in both": (
        "openai",
        {"HTTPS_PROXY": "http://proxy", "NO_PROXY": ".a", "no_proxy": ".b"},
        {**OPENAI, "NO_PROXY": f".a,{HERE}", "no_proxy": f".b,{HERE}"},
    ),
    "a proxy with one of the two": (
        "openai",
        {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "localhost"},
        {**OPENAI, "NO_PROXY": "localhost,127.0.0.1"},
    ),
    "a proxy with both": ("openai", {"HTTPS_PROXY": "http://proxy", "NO_PROXY": f"{HERE},.svc"}, OPENAI),
    "a proxy with all": ("openai", {"HTTPS_PROXY": "http://proxy", "NO_PROXY": "*"}, OPENAI),
    "a proxy with no exceptions": (
        "openai",
        {"HTTPS_PROXY": "http://proxy", "NO_PROXY": ""},
        {**OPENAI, "NO_PROXY": HERE},
    ),
    "a proxy with exceptions from a Secret": ("openai", {"HTTPS_PROXY": "http://proxy", "NO_PROXY": SECRET}, OPENAI),
    "a proxy, and a base URL of its own": (
        "openai",
        {"HTTPS_PROXY": "http://proxy", "OPENAI_BASE_URL": "http://127.0.0.1:8484/v1"},
        {"NO_PROXY": HERE},
    ),
}


def entries(env: Env) -> list[Object]:
    """As a container has them."""
    return [{"name": name, **(told if isinstance(told, dict) else {"value": told})} for name, told in env.items()]


def environment(container: Object) -> Env:
    """As a dict: a value or its source."""
    return {
        entry["name"]: {"valueFrom": entry["valueFrom"]} if "valueFrom" in entry else entry.get("value", "")
        for entry in container.get("env", ())
    }


async def given(admin: KubeClient, injection: Injection, manifest: Object) -> list[Object]:
    """The containers and init containers that a pod ends up with, without the relay."""
    made = await admin.create(f"/api/v1/namespaces/{injection.namespace}/pods", manifest, dry_run=True)
    everyone = made["spec"]["containers"] + made["spec"]["initContainers"]
    return [each for each in everyone if each["name"] != "keypool-relay"]


@pytest.mark.parametrize("what", CASES)
async def test_a_container_gets_what_goes_with_what_it_has(what: str, admin: KubeClient, injection: Injection) -> None:
    """The same for init containers and side-cars."""
    dialect, has, gets = CASES[what]
    notes = {"keypool.dev/pool": "chat", "keypool.dev/env": dialect}
    app: Object = {"name": "app", "image": "app", "env": entries(has)}
    side: Object = {**app, "name": "side", "restartPolicy": "Always"}
    made = await given(admin, injection, pod(app, annotations=notes, initContainers=[{**app, "name": "first"}, side]))
    assert [environment(each) for each in made] == [{**has, **gets}] * 3


async def test_the_order_of_what_stands_there_stays(admin: KubeClient, injection: Injection) -> None:
    """A later variable may refer to an earlier one."""
    has = entries({"A": "1", "HTTPS_PROXY": "http://$(A)", "NO_PROXY": ".svc", "B": "$(NO_PROXY)"})
    (made,) = await given(admin, injection, pod({"name": "app", "image": "app", "env": has}))
    assert [each["name"] for each in made["env"] if not each["name"].startswith("OPENAI")] == [
        "A",
        "HTTPS_PROXY",
        "NO_PROXY",
        "B",
    ]


async def test_a_variable_that_stands_there_twice_is_no_obstacle(admin: KubeClient, injection: Injection) -> None:
    """Kubernetes takes it, with a warning; the last one counts."""
    has = [*entries({"MODE": "slow"}), *entries({"MODE": "fast"})]
    (made,) = await given(admin, injection, pod({"name": "app", "image": "app", "env": has}))
    assert environment(made) == {"MODE": "fast", **OPENAI}


async def test_exceptions_that_stand_there_twice_are_no_obstacle_either(
    admin: KubeClient, injection: Injection
) -> None:
    has = [*entries({"HTTPS_PROXY": "http://proxy", "NO_PROXY": ".a"}), *entries({"NO_PROXY": ".b"})]
    (made,) = await given(admin, injection, pod({"name": "app", "image": "app", "env": has}))
    assert environment(made) == {"HTTPS_PROXY": "http://proxy", "NO_PROXY": f".b,{HERE}", **OPENAI}


async def test_only_the_containers_that_the_pod_names_get_an_environment(
    admin: KubeClient, injection: Injection
) -> None:
    notes = {"keypool.dev/pool": "chat", "keypool.dev/containers": "b, first"}
    containers: list[Object] = [{"name": name, "image": "app"} for name in ("a", "b")]
    made = await given(
        admin, injection, pod(*containers, annotations=notes, initContainers=[{"name": "first", "image": "app"}])
    )
    assert {each["name"]: environment(each) for each in made} == {"a": {}, "b": OPENAI, "first": OPENAI}


async def test_containers_are_judged_one_by_one(admin: KubeClient, injection: Injection) -> None:
    own = {"name": "b", "image": "app", "env": entries({"OPENAI_BASE_URL": "https://api.example.com/v1"})}
    made = await given(admin, injection, pod({"name": "a", "image": "app"}, own))
    assert [environment(each) for each in made] == [OPENAI, {"OPENAI_BASE_URL": "https://api.example.com/v1"}]
