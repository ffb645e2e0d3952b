"""The installation id: random, made once, part of every key's name upstream."""

import base64
import re
from collections.abc import Callable

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import AlreadyExists, NotFound

NAME = "keypool-installation"


async def installation_id(client: KubeClient, namespace: str, new_id: Callable[[], str]) -> str:
    """Reads the id, or stores a new one. An administrator who moves an installation sets it beforehand."""
    try:
        return _read(await client.get(paths.secret(namespace, NAME)))
    except NotFound:
        pass
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": NAME, "namespace": namespace},
        "data": {"id": base64.b64encode(new_id().encode()).decode()},
    }
    try:
        return _read(await client.create(paths.secrets(namespace), body))
    except AlreadyExists:
        return _read(await client.get(paths.secret(namespace, NAME)))


def _read(secret: dict[str, object]) -> str:
    data = secret.get("data")
    encoded = data.get("id") if isinstance(data, dict) else None
    text = base64.b64decode(encoded or "").decode(errors="replace")
    if not re.fullmatch("[a-z0-9]{4,16}", text):
        raise ValueError(f"Secret {NAME}: entry id must be 4 to 16 lower-case letters and digits")
    return text
