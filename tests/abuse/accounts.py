"""A provider object with its credential, as everybody who has an account makes them."""

from typing import Any

from tests.cluster.team import ADMIN_ENTRY, Object, allowing, provider_manifest, secret_manifest


def account(name: str, url: str, credential: str, kind: str = "holySheep", **options: Any) -> tuple[Object, Object]:
    """Credential and KeyProvider, both of this name."""
    given = options if kind != "holySheep" else {"listsNames": True, **options}
    provider = provider_manifest(url, auth={"secretRef": {"name": name}}, **{"holySheep": None, kind: given})
    provider["metadata"]["name"] = name
    provider["spec"] = {field: value for field, value in provider["spec"].items() if value is not None}
    return secret_manifest(name, allowing(provider), **{ADMIN_ENTRY: credential}), provider
