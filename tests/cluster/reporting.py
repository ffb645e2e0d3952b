"""Relays that report keys as rejected, without a relay: pods that nobody runs, and the KeyHolders of theirs."""

from typing import Any

from keypool.cluster import paths
from tests.cluster.team import Object, Team

MOMENT = "2026-11-29T13:00:00Z"


async def a_pod(team: Team, name: str, phase: str = "Running") -> Object:
    """A pod that is there; nothing runs in it."""
    body = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [{"name": "app", "image": "app.example/app"}],
            "automountServiceAccountToken": False,
        },
    }
    await team.client.create(paths.pods(team.namespace), body)
    path = f"{paths.pod(team.namespace, name)}/status"
    return await team.client.patch(path, {"status": {"phase": phase}})


def a_holder(pod: Object, *keys: str, pool: str = "chat", **owner: Any) -> Object:
    """What the pod's relay writes: all of these keys are rejected."""
    name = pod["metadata"]["name"]
    whose = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": pod["metadata"]["uid"], **owner}
    told = [{"id": key, "since": MOMENT, "rejected": MOMENT} for key in keys]
    return {
        "apiVersion": "keypool.dev/v1alpha1",
        "kind": "KeyHolder",
        "metadata": {"name": name, "ownerReferences": [whose]},
        "spec": {"pools": [{"name": pool, "keys": told}]},
    }


async def report(team: Team, *holders: Object) -> None:
    """The relays write them."""
    for holder in holders:
        await team.client.create(paths.holders(team.namespace), holder)
