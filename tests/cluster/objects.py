"""What tests apply: pools, providers, and Secrets that say what they may be used for."""

from typing import Any
from urllib.parse import urlsplit

from keypool_lab.simulator import Simulator

Object = dict[str, Any]
PROVIDER, ADMIN_SECRET, ADMIN_ENTRY = "holysheep", "holysheep-admin", "adminKey"


def pool_manifest(name: str = "chat", **spec: Any) -> Object:
    """A pool of one key at the test's provider whose keys are looked at often; `spec` replaces what is given."""
    body = {"providerRef": {"name": PROVIDER}, "size": 1, "health": {"probeEvery": "5s"}, **spec}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "ApiKeyPool", "metadata": {"name": name}, "spec": body}


def provider_manifest(url: str, **spec: Any) -> Object:
    """The test's provider object."""
    auth = {"secretRef": {"name": ADMIN_SECRET}}
    body = {"holySheep": {}, "endpoints": [{"url": url}], "auth": auth, **spec}
    return {"apiVersion": "keypool.dev/v1alpha1", "kind": "KeyProvider", "metadata": {"name": PROVIDER}, "spec": body}


def secret_manifest(name: str, allow: str = "", **entries: str) -> Object:
    """An Opaque Secret. `allow`: what it may be used for."""
    meta = {"name": name, **({"annotations": {"keypool.dev/allow": allow}} if allow else {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": entries}


def to(*urls: str, provider: str = PROVIDER) -> str:
    """What a Secret says that a provider object may send to the hosts of these URLs."""
    origins = dict.fromkeys("{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in urls)
    return ", ".join(f"provider/{provider}@{origin}" for origin in origins)


def allowing(provider: Object) -> str:
    """The same, for a provider object and all that it names."""
    spec = provider["spec"]
    token_url = spec.get("auth", {}).get("oauth2", {}).get("tokenURL")
    urls = [endpoint["url"] for endpoint in spec["endpoints"]] + ([token_url] if token_url else [])
    return to(*urls, provider=provider["metadata"]["name"])


def admin_secret(simulator: Simulator, *urls: str, name: str = ADMIN_SECRET, provider: str = PROVIDER) -> Object:
    """The admin credential of a simulated account, for a provider object with these endpoints (the simulator's)."""
    allow = to(*(urls or [simulator.url]), provider=provider)
    return secret_manifest(name, allow, **{ADMIN_ENTRY: simulator.admin_key})


def steady(simulator: Simulator) -> tuple[Object, Object, Object]:
    """A pool `steady` with an account of its own: admin Secret, provider and pool."""
    provider = provider_manifest(simulator.url, auth={"secretRef": {"name": "steady-admin"}})
    provider["metadata"]["name"] = "steady"
    pool = pool_manifest("steady", providerRef={"name": "steady"})
    return admin_secret(simulator, name="steady-admin", provider="steady"), provider, pool
