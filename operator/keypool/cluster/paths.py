"""Paths of the Kubernetes API, percent-encoded. A name never reaches a URL in any other way."""

from urllib.parse import quote

GROUP = "keypool.dev"
VERSION = "v1alpha1"
_OURS = f"/apis/{GROUP}/{VERSION}"


def group_version() -> str:
    """The discovery document of our group: which of our kinds the API server serves."""
    return _OURS


def _in(base: str, namespace: str | None, plural: str) -> str:
    return f"{base}/{plural}" if namespace is None else f"{base}/namespaces/{quote(namespace, safe='')}/{plural}"


def _one(collection: str, name: str) -> str:
    return f"{collection}/{quote(name, safe='')}"


def pools(namespace: str | None = None) -> str:
    """All pools of a namespace, or of the cluster."""
    return _in(_OURS, namespace, "apikeypools")


def pool(namespace: str, name: str) -> str:
    """One pool."""
    return _one(pools(namespace), name)


def pool_status(namespace: str, name: str) -> str:
    """The status subresource of one pool."""
    return pool(namespace, name) + "/status"


def providers(namespace: str | None = None) -> str:
    """All providers of a namespace, or of the cluster."""
    return _in(_OURS, namespace, "keyproviders")


def cluster_providers() -> str:
    """All ClusterKeyProviders."""
    return _in(_OURS, None, "clusterkeyproviders")


def provider(namespace: str, name: str) -> str:
    """One provider; the namespace "" is that of ClusterKeyProviders."""
    return _one(providers(namespace) if namespace else cluster_providers(), name)


def provider_status(namespace: str, name: str) -> str:
    """The status subresource of one provider; the namespace "" is that of ClusterKeyProviders."""
    return provider(namespace, name) + "/status"


def secrets(namespace: str | None = None) -> str:
    """All Secrets of a namespace, or of the cluster."""
    return _in("/api/v1", namespace, "secrets")


def secret(namespace: str, name: str) -> str:
    """One Secret."""
    return _one(secrets(namespace), name)


def namespaces() -> str:
    """All namespaces."""
    return "/api/v1/namespaces"


def namespace(name: str) -> str:
    """One namespace."""
    return _one(namespaces(), name)


def pods(namespace: str | None = None) -> str:
    """All pods of a namespace, or of the cluster."""
    return _in("/api/v1", namespace, "pods")


def pod(namespace: str, name: str) -> str:
    """One pod."""
    return _one(pods(namespace), name)


def holders(namespace: str | None = None) -> str:
    """All KeyHolders of a namespace, or of the cluster."""
    return _in(_OURS, namespace, "keyholders")


def leases(namespace: str) -> str:
    """All Leases of a namespace."""
    return _in("/apis/coordination.k8s.io/v1", namespace, "leases")


def lease(namespace: str, name: str) -> str:
    """One Lease."""
    return _one(leases(namespace), name)


def events(namespace: str) -> str:
    """The Events (events.k8s.io/v1) of a namespace."""
    return _in("/apis/events.k8s.io/v1", namespace, "events")


def event(namespace: str, name: str) -> str:
    """One Event."""
    return _one(events(namespace), name)


def crd(plural: str) -> str:
    """The CustomResourceDefinition of one of our kinds."""
    return _one("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", f"{plural}.{GROUP}")


def resource_of(path: str) -> str:
    """The resource that a path is about, for metrics: `secrets`, `apikeypools/status`. Never a name."""
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if len(parts) > 2 and parts[0] == "namespaces":
        parts = parts[2:]
    return "/".join(parts[:1] + parts[2:3])
