"""Small Secrets beside the ledgers: what is remembered of a provider object. Kept out of backups, like ledgers."""

import base64
from collections.abc import Mapping

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists


async def put(  # noqa: PLR0917 - all that such a Secret is made of
    client: KubeClient, namespace: str, name: str, kind: str, label: str, content: Mapping[str, str]
) -> None:
    """Stores, or replaces, one. `kind` is the Secret's type; `label` finds all of the kind. Raises KubeError."""
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {label: "true", "velero.io/exclude-from-backup": "true"},
        },
        "data": {key: base64.b64encode(text.encode()).decode() for key, text in content.items()},
    }
    try:
        await client.create(paths.secrets(namespace), body)
    except AlreadyExists:
        await client.replace(paths.secret(namespace, name), body)
