"""Labels of namespaces as the operator knows them."""

from keypool.cluster import paths
from keypool.cluster.client import KubeClient
from keypool.cluster.namespaces import Namespaces
from keypool_lab.controlplane import Cluster


async def test_labels_are_remembered_until_a_refresh_finds_others(admin: KubeClient, namespace: str) -> None:
    known = Namespaces(admin)
    assert "team" not in await known.labels(namespace)
    await admin.patch(paths.namespace(namespace), {"metadata": {"labels": {"team": "shop"}}})
    assert "team" not in await known.labels(namespace)
    assert await known.refresh() == {namespace}
    assert (await known.labels(namespace))["team"] == "shop"
    assert await known.refresh() == set()


async def test_only_namespaces_that_were_asked_for_are_compared(
    control_plane: Cluster, admin: KubeClient, namespace: str
) -> None:
    known = Namespaces(admin)
    await known.labels("default")
    await admin.patch(paths.namespace(namespace), {"metadata": {"labels": {"team": "shop"}}})
    assert await known.refresh() == set()


async def test_a_namespace_that_is_not_there_has_no_labels(admin: KubeClient, namespace: str) -> None:
    assert await Namespaces(admin).labels(f"{namespace}-none") == {}


async def test_nothing_is_asked_while_nothing_is_remembered(admin: KubeClient) -> None:
    asked = list[object]()
    admin.on_request = lambda *seen: asked.append(seen)
    await Namespaces(admin).refresh()
    assert asked == []
