"""What manifests/relay/holders grants: a relay's three verbs, where somebody binds them, and nothing else."""

from itertools import product

import pytest

from tests.cluster.holders.conftest import manifests
from tests.cluster.holders.pods import Pods


def test_the_role_grants_a_relay_three_verbs_on_one_resource() -> None:
    (role,) = manifests("cluster-role.yaml")
    granted = [each for rule in role["rules"] for each in product(rule["apiGroups"], rule["resources"], rule["verbs"])]
    assert granted == [("keypool.dev", "keyholders", verb) for verb in ("create", "get", "patch")]


async def test_without_a_binding_no_relay_writes(pods: Pods) -> None:
    pod = await pods.make()
    said = await pods.apply(pod.token, pod.holder())
    assert (said.status, "cannot patch resource" in said.message) == (403, True)


@pytest.mark.usefixtures("rights", "policy")
async def test_bound_in_a_namespace_it_writes_there_alone_and_neither_lists_nor_deletes(
    pods: Pods, second: str
) -> None:
    pod = await pods.make()
    assert (await pods.apply(pod.token, pod.holder(), second)).status == 403
    assert (await pods.apply(pod.token, pod.holder())).status == 201
    assert (await pods.ask("GET", pods.path(pod.name), pod.token)).status == 200
    assert (await pods.ask("GET", pods.path("").rstrip("/"), pod.token)).status == 403
    assert (await pods.ask("DELETE", pods.path(pod.name), pod.token)).status == 403
    assert (
        await pods.ask("PATCH", f"{pods.path(pod.name)}/status", pod.token, {}, kind="merge-patch+json")
    ).status >= 403


@pytest.mark.usefixtures("wide_rights", "policy")
async def test_bound_in_the_whole_cluster_the_policy_still_holds_it_to_its_namespace(pods: Pods, second: str) -> None:
    pod = await pods.make()
    said = await pods.apply(pod.token, pod.holder(), second)
    assert (said.status, "bound to a pod of its namespace" in said.message) == (403, True)
    assert (await pods.apply(pod.token, pod.holder())).status == 201
