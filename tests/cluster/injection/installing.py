"""manifests/relay/injection under names of its own: it matches nothing but its own namespaces."""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from keypool_lab.controlplane import Cluster, CompletedRun
from tests.cluster.installation import MANIFESTS, Document, render
from tests.waiting import PATIENCE

FOLDER = MANIFESTS / "relay" / "injection"
LABEL = "injection.example.com/of"
SECONDS = 30.0

Object = dict[str, Any]


@dataclass
class Injection:
    """What is installed: `system` is the namespace of the parameters, `namespace` one whose pods are injected."""

    cluster: Cluster
    suffix: str
    namespaces: list[str] = field(default_factory=list)

    @property
    def system(self) -> str:
        """The namespace of the parameters, in which nothing is injected."""
        return f"injection-{self.suffix}-system"

    @property
    def namespace(self) -> str:
        """Where pods are made."""
        return f"injection-{self.suffix}"

    def apply(self, *documents: Document) -> None:
        """As an administrator."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": documents})
        self.cluster.run_kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=text).checked()

    def add_namespace(self, name: str, **labels: str) -> None:
        """One more whose pods are injected, ready for pods."""
        metadata = {"name": name, "labels": {LABEL: self.suffix} | labels}
        self.namespaces.append(name)
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        self.until(
            f"service accounts in {name}",
            lambda: self.cluster.run_kubectl("get", "serviceaccount/default", "--namespace", name).returncode == 0,
        )

    def ask(self, manifest: Object, *args: str, namespace: str = "") -> CompletedRun:
        """A server-side dry run of a create, as kubectl does it: warnings are in `stderr`."""
        where = f"--namespace={namespace or self.namespace}"
        args = ("--dry-run=server", *args)
        return self.cluster.run_kubectl(
            "create", where, "--output=json", "--filename=-", *args, stdin=json.dumps(manifest)
        )

    def made(self, manifest: Object, namespace: str = "") -> Object:
        """What becomes of it."""
        return dict(json.loads(self.ask(manifest, namespace=namespace).checked()))

    def refusal(self, manifest: Object, namespace: str = "") -> str:
        """What a refused one is told."""
        run = self.ask(manifest, namespace=namespace)
        assert run.returncode != 0, f"it was taken: {run.stdout}"
        return run.stderr

    def until(self, what: str, holds: Callable[[], bool]) -> None:
        """The API server takes up policies and parameters after a moment."""
        until = time.monotonic() + SECONDS * PATIENCE
        while not holds():
            assert time.monotonic() < until, f"not within {SECONDS * PATIENCE:g} s: {what}"
            time.sleep(0.1)


def pod(*containers: Object, name: str = "app", annotations: Object | None = None, **spec: Any) -> Object:
    """A pod that asks for the pool `chat`, unless `annotations` say otherwise."""
    notes = {"keypool.dev/pool": "chat"} if annotations is None else annotations
    body = {"containers": [*containers] or [{"name": "app", "image": "app"}], **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": notes}, "spec": body}


def documents(injection: Injection) -> list[Document]:
    """The manifests under these names, for these namespaces."""
    found = []
    for document in render(injection.cluster, FOLDER):
        text = json.dumps(document).replace("keypool-system", injection.system)
        own = json.loads(text)
        if own["kind"] != "ConfigMap":
            own["metadata"]["name"] += f"-{injection.suffix}"
            if "policyName" in own["spec"]:
                own["spec"]["policyName"] += f"-{injection.suffix}"
                selector = {"namespaceSelector": {"matchExpressions": _here(injection)}}
                own["spec"]["matchResources"] = selector
        found.append(own)
    return found


def _here(injection: Injection) -> list[Object]:
    return [{"key": LABEL, "operator": "In", "values": [injection.suffix]}]


@contextmanager
def injecting(cluster: Cluster) -> Iterator[Injection]:
    """Installed and in force until the block ends."""
    injection = Injection(cluster, secrets.token_hex(3))
    own: list[str] = []
    try:
        injection.add_namespace(injection.system)
        injection.add_namespace(injection.namespace)
        made = documents(injection)
        own += [f"{each['kind'].lower()}/{each['metadata']['name']}" for each in made if each["kind"] != "ConfigMap"]
        injection.apply(*made)
        injection.until("pods get a relay", lambda: in_force(injection))
        yield injection
    finally:
        names = [f"namespace/{name}" for name in injection.namespaces]
        cluster.run_kubectl("delete", "--ignore-not-found", "--wait=false", *own, *names).checked()


def in_force(injection: Injection) -> bool:
    """All policies are: a pod gets its relay, another is refused, a misplaced annotation is warned of, and a parameter
    that there is not is refused."""
    odd = ("configmap/keypool-relay", "--namespace", injection.system, "--type=merge", '--patch={"data": {"odd": "x"}}')
    if injection.cluster.run_kubectl("patch", *odd, "--dry-run=server").returncode == 0:
        return False
    if "keypool-relay" not in injection.ask(pod()).stdout:
        return False
    if injection.ask(pod(hostNetwork=True)).returncode == 0:
        return False
    return "Warning" in injection.ask(pod(nodeSelector={"kubernetes.io/os": "windows"})).stderr
