"""Pods that nobody runs: the API server knows them, and gives out tokens that are bound to them."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from aiohttp import ClientSession, TCPConnector

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.errors import KubeError, NotFound
from keypool_client.relay.holder import Held, Told, key_holder
from keypool_lab.controlplane import Cluster
from tests.waiting import eventually, within

ACCOUNT = "app"
TOLD: Told = {"chat": (Held("chat-0-ab12", 1_700_000_000.0),)}
Object = dict[str, Any]


@dataclass(frozen=True)
class Said:
    """What the API server answers."""

    status: int
    message: str
    body: Object


@dataclass(frozen=True)
class BoundPod:
    """A pod and a token that is bound to it."""

    name: str
    uid: str
    token: str

    def holder(self, told: Told | None = None) -> Object:
        """As its relay would write it."""
        return key_holder(self.name, self.uid, told or TOLD)


class Pods:
    """All requests carry a token, and what the API server says is kept as it said it."""

    def __init__(self, cluster: Cluster, admin: KubeClient, namespace: str, session: ClientSession) -> None:
        self._cluster, self.admin, self.namespace, self._session = cluster, admin, namespace, session

    @classmethod
    @asynccontextmanager
    async def of(cls, cluster: Cluster, admin: KubeClient, namespace: str) -> AsyncIterator[Self]:
        """With a service account for them."""
        context = ssl.create_default_context(cafile=str(cluster.ca_path))
        await admin.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": ACCOUNT}})
        async with ClientSession(connector=TCPConnector(ssl=context)) as session:
            yield cls(cluster, admin, namespace, session)

    def path(self, name: str, namespace: str = "") -> str:
        """Of a KeyHolder."""
        return f"/apis/keypool.dev/v1alpha1/namespaces/{namespace or self.namespace}/keyholders/{name}"

    async def make(self, name: str = "web-0") -> BoundPod:
        """A pod with a token; no kubelet runs it."""
        spec = {"serviceAccountName": ACCOUNT, "containers": [{"name": "app", "image": "registry.example.com/app"}]}
        made = await self.admin.create(paths.pods(self.namespace), {"metadata": {"name": name}, "spec": spec})
        uid = str(made["metadata"]["uid"])
        return BoundPod(name, uid, await self.token({"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}))

    async def token(self, bound_to: Object | None = None) -> str:
        """Of the pods' service account."""
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{ACCOUNT}/token"
        bound = {"boundObjectRef": bound_to} if bound_to else {}
        answer = await self.admin.create(path, {"spec": {"expirationSeconds": 3600, **bound}})
        return str(answer["status"]["token"])

    async def remove(self, pod: BoundPod) -> None:
        """At once: there is no kubelet to wait for."""
        with contextlib.suppress(NotFound):
            await self.admin.delete(f"{paths.pods(self.namespace)}/{pod.name}", uid=pod.uid)

    async def is_gone(self, pod: BoundPod) -> bool:
        """Whether there is no such pod any more."""
        try:
            await self.admin.get(f"{paths.pods(self.namespace)}/{pod.name}")
        except NotFound:
            return True
        return False

    async def apply(
        self, token: str, body: Object, namespace: str = "", manager: str = "keypool-relay", *, dry_run: bool = False
    ) -> Said:
        """As a relay does it."""
        query = {"fieldManager": manager, "force": "true"} | ({"dryRun": "All"} if dry_run else {})
        name = body["metadata"]["name"]
        return await self.ask("PATCH", self.path(name, namespace), token, body, kind="apply-patch+yaml", query=query)

    async def ask(
        self,
        method: str,
        path: str,
        token: str,
        body: Object | None = None,
        *,
        kind: str = "json",
        query: dict[str, str] | None = None,
    ) -> Said:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": f"application/{kind}"}
        data = None if body is None else json.dumps(body)
        call = self._session.request(method, self._cluster.url + path, params=query, data=data, headers=headers)
        async with await within(call, 15) as answer:
            told = await answer.json(content_type=None)
        return Said(answer.status, str(told.get("message")), told)

    async def as_admin(self, *, dry_run: bool) -> Said:
        """An administrator who wants to write a KeyHolder."""
        body = key_holder("theirs", "uid", TOLD)
        try:
            return Said(201, "", await self.admin.create(self.path("").rstrip("/"), body, dry_run))
        except KubeError as error:
            return Said(error.status, str(error), {})

    async def holder(self, name: str) -> Object | None:
        """The object as it is stored."""
        try:
            return await self.admin.get(self.path(name))
        except NotFound:
            return None

    async def eventually_gone(self, name: str) -> None:
        """The garbage collector takes a moment."""

        async def gone() -> bool:
            return await self.holder(name) is None

        await eventually(gone, 30, f"the KeyHolder {name} is gone")

    async def grant(self) -> None:
        """The pods may write KeyHolders from now on, in their namespace."""
        base, kind = "/apis/rbac.authorization.k8s.io/v1", "rbac.authorization.k8s.io"
        rules = [{"apiGroups": ["keypool.dev"], "resources": ["keyholders"], "verbs": ["create", "get", "patch"]}]
        where = f"{base}/namespaces/{self.namespace}"
        await self.admin.create(f"{where}/roles", {"metadata": {"name": "report"}, "rules": rules})
        role = {"apiGroup": kind, "kind": "Role", "name": "report"}
        subject = {"kind": "ServiceAccount", "name": ACCOUNT, "namespace": self.namespace}
        bound = {"metadata": {"name": "report"}, "roleRef": role, "subjects": [subject]}
        await self.admin.create(f"{where}/rolebindings", bound)

    def folder(self, path: Path, token: str, namespace: str = "") -> dict[str, str]:
        """Writes what the kubelet projects for a report, into this folder."""
        path.mkdir(exist_ok=True)
        (path / "token").write_text(token)
        (path / "namespace").write_text(namespace or self.namespace)
        (path / "ca.crt").write_text(self._cluster.ca_path.read_text())
        parts = urlsplit(self._cluster.url)
        server = {"KUBERNETES_SERVICE_HOST": str(parts.hostname), "KUBERNETES_SERVICE_PORT": str(parts.port)}
        return {"KEYPOOL_RELAY_REPORT": str(path), **server}
