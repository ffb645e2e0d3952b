"""The operator as it ships, on a node: the first process of namespaces of its own.

    python -m tests.kubelet.play FACTS KUBELET ARCHIVE...

notes what it saw, step by step. `test_as_shipped.py` judges it.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from keypool.cluster import paths
from tests.cluster.team import (
    Team,
    admin_secret,
    pool_manifest,
    provider_manifest,
)
from tests.kubelet import overlay
from tests.kubelet.image import NAME
from tests.kubelet.stage import OURS, SYSTEM, TEAM, Facts, Stage, from_pods, main
from tests.waiting import eventually

SECONDS = 900.0  # on a machine that is busy with much else
SYNC = "10s"
OVERLAP = {"overlap": {"min": "30s"}}


class Play:
    """The steps; each adds to the facts."""

    def __init__(self, stage: Stage) -> None:
        self.facts, self._plane, self._client, self._simulator = stage.facts, stage.plane, stage.client, stage.simulator
        self._team = Team(stage.plane, stage.client, TEAM)

    async def run(self) -> None:
        """All of them."""
        for step in (self.roll_out, self.make_pool, self.mount, self.rotate, self.lose_leader, self.evict):
            self.facts["step"] = step.__name__
            await step()
        self.facts["step"] = ""

    async def roll_out(self) -> None:
        """`kubectl apply -k`, until both replicas are Ready."""
        folder = self._plane.folder / "overlay"
        folder.mkdir()
        overlay.write(folder, NAME)
        began = time.monotonic()
        await self._system("apply", "--server-side", f"--kustomize={folder}")
        await eventually(self._both_ready, 40, "both replicas are Ready")
        self.facts["roll_out_seconds"] = time.monotonic() - began
        self.facts["rollout"] = await self._system("rollout", "status", "deployment/keypool", "--timeout=60s")
        self.facts["pods"] = await self._pods()

    async def make_pool(self) -> None:
        """A provider and a pool of it, until the pool is Ready."""
        url = from_pods(self._simulator.url)
        admin, provider = admin_secret(self._simulator, url), provider_manifest(url)
        began = time.monotonic()
        await self._team.apply(admin, provider, pool_manifest(rotation=OVERLAP))
        await self._team.ready(deadline=30)
        self.facts["pool_seconds"] = time.monotonic() - began
        self.facts["table"] = await self._team.kubectl("get", "akp")

    async def mount(self) -> None:
        """A pod that mounts the key as a folder, until its requests are answered."""
        program = Path(__file__).with_name("workload.py").read_text()
        await self._team.apply(_workload(program))
        await eventually(lambda: self._has_sent(20), 40, "the workload has sent requests")

    async def rotate(self) -> None:
        """One rotation, until the old key is revoked at the provider and the pod has gone on for a while."""
        first = await self._team.value()
        began = time.monotonic()
        await self._team.annotate("chat", rotate="now")
        await self._team.changes(first, deadline=40)
        await eventually(lambda: self._revoked(first), 40, "the old key is revoked")
        self.facts["rotation_seconds"] = time.monotonic() - began
        sent = (await self._counted())["sent"]
        await eventually(lambda: self._has_sent(sent + 20), 20, "the workload goes on")
        self.facts["workload"] = await self._counted()
        self.facts["keys_used"] = len(self._simulator.record.keys())

    async def lose_leader(self) -> None:
        """The leader's pod is deleted; the other takes over, and a new one comes in its place."""
        leader = await self._leader()
        began = time.monotonic()
        await self._system("delete", "pod", leader, "--wait=false")
        successor = await eventually(lambda: self._leader_but(leader), 60, "the other replica leads")
        self.facts["hand_over_seconds"] = time.monotonic() - began
        self.facts["leaders"] = [leader, successor]
        before = await self._team.value()
        await self._team.annotate("chat", rotate="again")
        await self._team.changes(before, deadline=60)
        await eventually(self._both_ready, 60, "both replicas are Ready again")
        self.facts["workload_after_hand_over"] = await self._counted()

    async def evict(self) -> None:
        """A drain may take one replica, and not the other before the first one's successor is Ready."""
        leader = await self._leader()
        (standby,) = (name for name in await self._names() if name != leader)
        self.facts["first_eviction"] = await self._evict(standby)
        self.facts["second_eviction"] = await self._evict(leader)

    async def _evict(self, pod: str) -> str:
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": SYSTEM}}
        path = f"/api/v1/namespaces/{SYSTEM}/pods/{pod}/eviction"
        run = await self._plane.kubectl("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))
        return run.stdout + run.stderr

    async def _system(self, *args: str) -> str:
        return (await self._plane.kubectl("--namespace", SYSTEM, *args, timeout=200)).checked()

    async def _pods(self) -> list[dict[str, Any]]:
        found = json.loads(await self._system("get", "pods", f"--selector={OURS}", "--output=json"))["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    async def _names(self) -> list[str]:
        return [pod["metadata"]["name"] for pod in await self._pods()]

    async def _both_ready(self) -> bool:
        self._plane.check()
        pods = await self._pods()
        conditions = [condition for pod in pods for condition in pod["status"].get("conditions", ())]
        return len(pods) == sum((one["type"], one["status"]) == ("Ready", "True") for one in conditions) == 2

    async def _leader(self) -> str:
        lease = await self._client.get(paths.lease(SYSTEM, "keypool"))
        return str(lease["spec"].get("holderIdentity") or "").rpartition("_")[0]

    async def _leader_but(self, former: str) -> str:
        found = await self._leader()
        return found if found != former else ""

    async def _counted(self) -> Facts:
        return dict(
            json.loads(await self._team.kubectl("logs", "chat-client", "--tail=1") or '{"sent": 0, "unanswered": 0}')
        )

    async def _has_sent(self, requests: int) -> bool:
        run = await self._plane.kubectl("logs", "chat-client", "--tail=1", "--namespace", TEAM)
        if run.returncode != 0 or not run.stdout:
            return False
        counted = json.loads(run.stdout)
        return bool(counted["sent"] - counted["unanswered"] >= requests)

    async def _revoked(self, value: str | None) -> bool:
        return value not in [key.value for key in self._simulator.record.live_keys()]


def _workload(program: str) -> dict[str, Any]:
    """Held to Pod Security "restricted" like the operator; its Python is that of the operator's image."""
    container = {
        "name": "client",
        "image": NAME,
        "command": ["python", "-c", program, "/var/run/chat"],
        "volumeMounts": [{"name": "chat", "mountPath": "/var/run/chat", "readOnly": True}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    spec = {
        "automountServiceAccountToken": False,
        "terminationGracePeriodSeconds": 1,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "chat", "secret": {"secretName": "chat"}}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "chat-client"}, "spec": spec}


if __name__ == "__main__":
    main(lambda stage: Play(stage).run(), SYNC, SECONDS, *sys.argv[1:])
