"""Pods that get their relay by the annotation: manifests/relay as they ship, but for where the image is."""

import contextlib
import json
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from keypool.cluster.errors import NotFound
from keypool_lab.simulator import Call
from tests.cluster.installation import MANIFESTS
from tests.cluster.team import Team, secret_manifest
from tests.kubelet.image import RELAY, STOCK
from tests.kubelet.stage import SYSTEM, TEAM, Stage
from tests.sdk.installed import PROGRAMS
from tests.waiting import eventually

POD, POOL, SIZE = "stock-program", "stock", 2
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
Object = dict[str, Any]


def overlay(folder: Path) -> Object:
    """What docs/injection.md says to write, and that pods may report."""
    parameters = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "keypool-relay", "namespace": SYSTEM},
        "data": {"image": RELAY},
    }
    ours = ("injection", "holders")
    return {
        "resources": [os.path.relpath(MANIFESTS / "relay" / name, folder.resolve()) for name in ours],
        "patches": [{"patch": json.dumps(parameters)}],
    }


def stock_pod(rate: float, seconds: float, name: str = POD, pool: str = POOL) -> Object:
    """One annotation, a stock program, and what Pod Security "restricted" asks of every pod."""
    program = (PROGRAMS / "openai_paced.py").read_text()
    container = {
        "name": "app",
        "image": STOCK,
        "command": ["python", "-c", program, str(rate), str(seconds)],
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    spec = {
        "terminationGracePeriodSeconds": 1,
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    metadata = {"name": name, "annotations": {"keypool.dev/pool": pool}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


class Injected:
    """One injected pod, from outside: what kubectl, the node's disk and the provider's record say of it."""

    def __init__(self, stage: Stage) -> None:
        self._plane, self._client, self._simulator = stage.plane, stage.client, stage.simulator
        self._team = Team(stage.plane, stage.client, TEAM)

    async def install(self) -> None:
        """manifests/relay; and Pod Security "restricted" for the team's namespace."""
        folder = self._plane.folder / "relay"
        folder.mkdir()
        (folder / "kustomization.yaml").write_text(json.dumps(overlay(folder)))
        (await self._plane.kubectl("label", "namespace", TEAM, RESTRICTED)).checked()
        for source in (f"--kustomize={folder}", f"--filename={MANIFESTS / 'relay/holders/cluster-wide'}"):
            (await self._plane.kubectl("apply", "--server-side", source)).checked()

    async def start(self, rate: float, seconds: float) -> None:
        """The pod, when the API server has taken up the policies: until then it would have no relay."""

        async def taken_up() -> bool:
            asked = json.dumps(stock_pod(rate, seconds))
            where = ("--namespace", TEAM, "--dry-run=server", "--output=json", "--filename=-")
            return "keypool-relay" in (await self._plane.kubectl("create", *where, stdin=asked)).stdout

        await eventually(taken_up, 30, "pods get a relay")
        await self._team.apply(stock_pod(rate, seconds))
        self._uid = (await self.pod())["metadata"]["uid"]

    async def pod(self) -> Object:
        """As it is now."""
        return await self._client.get(f"/api/v1/namespaces/{TEAM}/pods/{POD}")

    async def described(self, pod: str = POD) -> list[str]:
        """The Events that `kubectl describe pod` shows."""
        found = self._client.list(f"/api/v1/namespaces/{TEAM}/events")
        told = [event async for event in found if event["involvedObject"].get("name") == pod]
        return [f"{event['reason']}: {event.get('message', '')}" for event in told]

    async def waits(self, pod: str = POD, says: str = "FailedMount") -> Object:
        """What a user sees of a pod that does not start: an Event with these words, and the table of `kubectl get`."""

        async def told() -> str | None:
            return next((event for event in await self.described(pod) if says in event), None)

        event = await eventually(told, 60, f"an Event of {pod} says {says}")
        return {"event": event, "table": await self._team.kubectl("get", "pod", pod)}

    async def explained(self, pool: str, says: str, **entries: str) -> Object:
        """The same of a pod that asks for a pool of which somebody else made the Secret for relays."""
        await self._team.apply(secret_manifest(f"{pool}-relay", **entries), stock_pod(1, 1, pool, pool))
        found = await self.waits(pool, says)
        await self._team.kubectl("delete", f"pod/{pool}", "--wait=false")
        return found

    async def told(self) -> Object:
        """What the program said last, {} before it says anything."""
        run = await self._plane.kubectl("logs", POD, "--container=app", "--tail=1", "--namespace", TEAM)
        return dict(json.loads(run.stdout)) if run.returncode == 0 and run.stdout.startswith("{") else {}

    async def asks(self, more: int = 20, seconds: float = 60) -> Object:
        """What it said when it has asked so many times more."""
        told = await self.told()
        before = told.get("answered", 0) + told.get("failed", 0)

        async def enough() -> Object | None:
            told = await self.told()
            return told if told and told["answered"] + told["failed"] >= before + more else None

        return await eventually(enough, seconds, f"the program has asked {more} times more") or {}

    async def keys(self) -> dict[str, str]:
        """The pool's keys, as the Secret for relays says them: a value, and our name for it."""
        content = (await self._team.secret_data(f"{POOL}-relay")).get("keys.json", '{"keys": []}')
        return {key["value"]: key["id"] for key in json.loads(content)["keys"]}

    async def holder(self) -> Object:
        """The KeyHolder of the pod, {} when there is none."""
        try:
            return await self._client.get(f"/apis/keypool.dev/v1alpha1/namespaces/{TEAM}/keyholders/{POD}")
        except NotFound:
            return {}

    def mounted(self) -> set[str]:
        """Our names of the keys that the side-car's file has now."""
        volumes = self._plane.folder / "kubelet" / "pods" / self._uid / "volumes"
        file = volumes / "kubernetes.io~projected" / "keypool-keys" / "0" / "keys.json"
        with contextlib.suppress(FileNotFoundError):  # it is being exchanged
            return {key["id"] for key in json.loads(file.read_bytes())["keys"]}
        return set()

    def uses(self, since: float = 0.0) -> list[Call]:
        """The program's requests, as the provider saw them."""
        found = self._simulator.record.calls("use", since)
        return [use for use in found if "OpenAI" in use.client]

    async def rotate(self, word: str, seconds: float = 120) -> Object:
        """Every key is replaced, and the former ones are revoked at the provider. How long each step took."""
        former, began = await self.keys(), time.time()
        await self._team.annotate(POOL, rotate=word)
        published, mounted = await self._follows(former, seconds)

        async def revoked() -> bool:
            return {key.value for key in self._simulator.record.live_keys()}.isdisjoint(former)

        await eventually(revoked, seconds, "the former keys are revoked")
        return {
            "published": published - began,
            "kubelet": mounted - published,
            "all": time.time() - began,
        }

    async def revoke(self, seconds: float = 120) -> Object:
        """The key of the last request is deleted behind our back, until the pod has another in its place."""
        live = {key.id: key for key in self._simulator.record.live_keys()}
        dead = next(live[use.key_id] for use in reversed(self.uses()) if use.key_id in live)
        began, ours = time.time(), {dead.value: (await self.keys())[dead.value]}
        await self._simulator.change_key(dead.id, "delete")

        async def met() -> Call | None:
            return next((use for use in self.uses(began) if use.status == 401), None)

        first = await eventually(met, 30, "a request meets the dead key")
        published, mounted = await self._follows(ours, seconds)
        assert first
        return {
            "met": first.time - began,
            "replaced": published - first.time,
            "kubelet": mounted - published,
            "rejections": sum(use.status == 401 for use in self.uses(began)),
        }

    async def _follows(self, former: dict[str, str], seconds: float) -> tuple[float, float]:
        """When these keys were replaced in the Secret, and when in the pod's file."""

        async def published() -> bool:
            now = await self.keys()
            return len(now) == SIZE and former.keys().isdisjoint(now)

        async def mounted() -> bool:
            return bool(self.mounted()) and self.mounted().isdisjoint(former.values())

        there = await _when(published, seconds, "the keys are replaced in the Secret")
        return there, await _when(mounted, seconds, "the pod's file follows the Secret")


async def _when(condition: Callable[[], Awaitable[bool]], seconds: float, what: str) -> float:
    await eventually(condition, seconds, what)
    return time.time()
