"""A token that is bound to a pod writes the KeyHolder of that pod, and nothing else."""

import copy
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from keypool_client.relay.holder import Held
from keypool_lab.controlplane import CompletedRun
from tests.cluster.holders.pods import BoundPod, Pods
from tests.waiting import eventually

Object = dict[str, Any]
Kubectl = Callable[..., Awaitable[CompletedRun]]
Change = Callable[[Object, BoundPod], None]
pytestmark = pytest.mark.usefixtures("rights", "policy")


async def test_a_relay_writes_its_own_and_the_same_again_changes_nothing(pods: Pods, kubectl: Kubectl) -> None:
    pod = await pods.make()
    first = await pods.apply(pod.token, pod.holder())
    assert first.status == 201, first.message
    again = await pods.apply(pod.token, pod.holder())
    assert (again.status, again.body["metadata"]["resourceVersion"]) == (200, first.body["metadata"]["resourceVersion"])
    changed = await pods.apply(pod.token, pod.holder({"chat": (Held("chat-1", 1.0, 2.0),)}))
    assert changed.status == 200, changed.message
    assert [key["id"] for key in changed.body["spec"]["pools"][0]["keys"]] == ["chat-1"]
    shown = (await kubectl("get", "keyholders", "--no-headers")).checked().split()
    assert shown[:4] == ["web-0", "chat", "1", "1"]


async def test_the_largest_object_that_a_relay_makes_is_accepted(pods: Pods) -> None:
    pod = await pods.make()
    told = {
        f"{number:0>253}": tuple(Held(f"{number}-{each:0>126}", 0.0, 1.0) for each in range(4)) for number in range(4)
    }
    said = await pods.apply(pod.token, pod.holder(told))
    assert said.status == 201, said.message


async def test_the_report_of_an_older_relay_is_taken_and_what_only_a_newer_one_says_is_refused(pods: Pods) -> None:
    """The summary came later; a field that this API does not have is a mistake, and the relay then serves on."""
    pod = await pods.make()
    older, newer = pod.holder(), pod.holder()
    del older["spec"]["summary"]
    newer["spec"]["newer"] = "x"
    assert (await pods.apply(pod.token, older)).status == 201
    assert (await pods.apply(pod.token, newer)).status >= 400


def owners(**changes: Any) -> Change:
    """The owner is another one in this."""

    def change(holder: Object, pod: BoundPod) -> None:
        holder["metadata"]["ownerReferences"][0] |= changes

    return change


def metadata(**more: Any) -> Change:
    return lambda holder, pod: holder["metadata"].update(more)


def keys(*ids: str, pool: str = "chat") -> Change:
    held = [{"id": each, "since": "2026-11-29T13:00:00Z"} for each in ids]
    return lambda holder, pod: holder["spec"].update(pools=[{"name": pool, "keys": held}])


def two_owners(holder: Object, pod: BoundPod) -> None:
    first = holder["metadata"]["ownerReferences"][0]
    holder["metadata"]["ownerReferences"] = [first, {**first, "uid": "another"}]


OWNER, METADATA = "exactly one owner, the pod that the token is bound to", "has at most 16 labels and 16 annotations"
REFUSED: dict[str, tuple[Change, str]] = {
    "another pod's name": (metadata(name="web-1"), "named after the pod that the token is bound to"),
    "no owner": (metadata(ownerReferences=[]), OWNER),
    "two owners": (two_owners, OWNER),
    "an owner of another uid": (owners(uid="4f0e2c1a-0000-4000-8000-000000000000"), OWNER),
    "an owner of another kind": (owners(apiVersion="apps/v1", kind="ReplicaSet"), OWNER),
    "an owner of another name": (owners(name="web-1"), OWNER),
    "an owner that it blocks": (owners(blockOwnerDeletion=True), OWNER),
    "a finalizer": (metadata(finalizers=["example.com/stay"]), "puts no finalizers"),
    "many labels": (metadata(labels={f"l{number}": "x" for number in range(17)}), METADATA),
    "many annotations": (metadata(annotations={f"a{number}": "x" for number in range(17)}), METADATA),
    "a long annotation": (metadata(annotations={"a": "x" * 257}), METADATA),
    "17 keys": (keys(*(f"k-{number}" for number in range(17))), "16"),
    "a long id": (keys("k" * 129), "128"),
    "an id with a space": (keys("a key"), "must be the id of a key"),
    "a long pool's name": (keys("a", pool="p" * 254), "253"),
    "no pool": (lambda holder, pod: holder["spec"].update(pools=[]), "spec.pools"),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_such_an_object_is_refused_with_a_sentence(what: str, pods: Pods) -> None:
    """Neither as a new one nor as a change of the pod's own."""
    change, sentence = REFUSED[what]
    pod = await pods.make()
    holder = copy.deepcopy(pod.holder())
    change(holder, pod)
    for _ in range(2):
        said = await pods.apply(pod.token, holder)
        assert said.status in {403, 422}, said.body
        assert sentence in said.message
        assert (await pods.apply(pod.token, pod.holder())).status in {200, 201}


async def test_seventeen_keys_in_two_pools_are_too_many(pods: Pods) -> None:
    pod = await pods.make()
    held = [{"id": f"k-{number}", "since": "2026-11-29T13:00:00Z"} for number in range(9)]
    holder = pod.holder() | {"spec": {"pools": [{"name": "chat", "keys": held}, {"name": "mail", "keys": held[:8]}]}}
    said = await pods.apply(pod.token, holder)
    assert (said.status, "must have at most 16 keys in all pools together" in said.message) == (422, True)


async def test_the_record_of_who_wrote_which_field_is_bounded(pods: Pods) -> None:
    """Each manager's name adds to the object, which is in the operator's memory."""
    pod = await pods.make()
    said = [await pods.apply(pod.token, pod.holder(), manager=f"m-{number}") for number in range(17)]
    assert [each.status for each in said] == [201, *[200] * 15, 403]
    assert "at most 16 field managers" in said[-1].message


async def test_a_token_of_the_same_account_that_is_bound_to_no_pod_is_refused(pods: Pods) -> None:
    pod = await pods.make()
    said = await pods.apply(await pods.token(), pod.holder())
    assert (said.status, "written by the relay of its own pod alone" in said.message) == (403, True)


async def test_the_token_of_a_pod_that_is_gone_is_refused(pods: Pods) -> None:
    pod = await pods.make()
    await pods.remove(pod)

    async def refused() -> bool:
        return (await pods.apply(pod.token, pod.holder(), dry_run=True)).status == 401

    await eventually(refused, 20, "the token is worth nothing")


async def test_an_administrator_labels_and_deletes_and_does_not_write_what_it_says(pods: Pods) -> None:
    pod = await pods.make()
    await pods.apply(pod.token, pod.holder())
    assert (await pods.as_admin(dry_run=False)).status == 403
    labelled = await pods.admin.patch(pods.path(pod.name), {"metadata": {"labels": {"seen": "yes"}}})
    assert labelled["metadata"]["labels"] == {"seen": "yes"}
    assert (await pods.apply(pod.token, pod.holder())).status == 200, "a label of others does not keep the relay out"
    await pods.admin.delete(pods.path(pod.name))
    assert await pods.holder(pod.name) is None


async def test_a_pods_token_changes_nothing_of_another_pods_object(pods: Pods) -> None:
    one, two = await pods.make("web-0"), await pods.make("web-1")
    await pods.apply(one.token, one.holder())
    forged = {"metadata": {"finalizers": ["example.com/stay"]}}
    said = await pods.ask("PATCH", pods.path(one.name), two.token, forged, kind="merge-patch+json")
    assert (said.status, "named after the pod" in said.message) == (403, True)


async def test_it_goes_with_its_pod(pods: Pods) -> None:
    pod = await pods.make()
    await pods.apply(pod.token, pod.holder())
    await pods.remove(pod)
    await pods.eventually_gone(pod.name)


async def test_the_next_pod_of_the_same_name_takes_it_over(pods: Pods) -> None:
    """As in a StatefulSet, where the garbage collector may not have come yet."""
    pod = await pods.make()
    await pods.apply(pod.token, pod.holder())
    await pods.remove(pod)
    new = await pods.make()

    async def taken() -> bool:
        await pods.apply(new.token, new.holder())
        found = await pods.holder(new.name)
        return found is not None and [each["uid"] for each in found["metadata"]["ownerReferences"]] == [new.uid]

    await eventually(taken, 20, "it is the new pod's")


async def test_a_pod_may_be_deleted_without_what_it_owns(pods: Pods, kubectl: Kubectl) -> None:
    """Then the garbage collector takes the owner out of the KeyHolder, which no policy may prevent."""
    pod = await pods.make()
    await pods.apply(pod.token, pod.holder())
    (await kubectl("delete", "pod", pod.name, "--cascade=orphan", "--wait=false")).checked()

    async def gone() -> bool:
        return await pods.is_gone(pod)

    await eventually(gone, 30, "the pod is gone")
    holder = await pods.holder(pod.name)
    assert holder is not None
    assert "ownerReferences" not in holder["metadata"]
