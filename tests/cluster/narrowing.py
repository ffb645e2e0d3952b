"""Takes the operator's rights to the whole cluster away and gives it those to single namespaces, as
manifests/namespaced does."""

from typing import Any

from keypool.cluster.client import KubeClient

_RBAC = "/apis/rbac.authorization.k8s.io/v1"


class Bindings:
    """Of the operator whose namespace is `system`, with the rights of manifests/base to begin with."""

    def __init__(self, admin: KubeClient, system: str) -> None:
        self._admin, self._role = admin, f"keypool-{system}"
        self._subject = {"kind": "ServiceAccount", "name": "keypool", "namespace": system}

    async def widen(self) -> None:
        """The rights to the whole cluster."""
        await self._admin.create(f"{_RBAC}/clusterrolebindings", self._binding("ClusterRoleBinding", self._role))

    async def narrow(self) -> None:
        """No rights to the whole cluster."""
        await self._admin.delete(f"{_RBAC}/clusterrolebindings/{self._role}")

    async def grant(self, namespace: str) -> None:
        """The rights to a namespace."""
        body = self._binding("RoleBinding", "keypool-pools")
        await self._admin.create(f"{_RBAC}/namespaces/{namespace}/rolebindings", body)

    async def revoke(self, namespace: str) -> None:
        """They are taken back."""
        await self._admin.delete(f"{_RBAC}/namespaces/{namespace}/rolebindings/keypool-pools")

    def _binding(self, kind: str, name: str) -> dict[str, Any]:
        role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": self._role}
        return {"kind": kind, "metadata": {"name": name}, "roleRef": role, "subjects": [self._subject]}
