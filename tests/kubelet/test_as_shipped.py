"""manifests/base with the image that the Dockerfile makes, as pods on a real kubelet: one play, and what it showed."""

from pathlib import Path

import pytest

from keypool_lab.controlplane import Cluster
from tests.cluster.installation import MANIFESTS, Document, only, render
from tests.dockerfile import FINAL_STAGE
from tests.kubelet import overlay
from tests.kubelet.image import NAME, layers, settings
from tests.kubelet.told import Facts, reached, tell

pytestmark = pytest.mark.long


def test_both_replicas_are_ready_under_pod_security_restricted(facts: Facts) -> None:
    """As a user in no passwd file, on a read-only file system, with no name set in the environment."""
    pods = reached(facts, "pods")
    tell(f"both replicas Ready {facts['roll_out_seconds']:.1f} s after `kubectl apply -k`")
    assert "successfully rolled out" in facts["rollout"]
    assert [pod["spec"]["containers"][0]["image"] for pod in pods] == [NAME, NAME]
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in pods} == {65532}
    assert all(pod["spec"]["containers"][0]["securityContext"]["readOnlyRootFilesystem"] for pod in pods)
    assert [pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods] == [0, 0]


def test_a_pool_becomes_ready(facts: Facts) -> None:
    """`kubectl get akp` shows it."""
    table = reached(facts, "table")
    tell(f"{table}Ready {facts['pool_seconds']:.1f} s after it was applied")
    columns, row = (line.split() for line in table.splitlines())
    assert (row[columns.index("NAME")], row[columns.index("READY")]) == ("chat", "True")


def test_a_pod_that_mounts_the_key_is_never_refused_through_a_rotation(facts: Facts) -> None:
    """It reads the folder anew for each request; the old key is dead at the end."""
    counted = reached(facts, "workload")
    tell(f"rotation {facts['rotation_seconds']:.0f} s; requests: {counted['sent']} sent, {counted['refused']} refused")
    assert facts["keys_used"] == 2
    assert (counted["refused"], counted["why"]) == (0, [])


def test_the_other_replica_takes_over_when_the_leaders_pod_is_deleted(facts: Facts) -> None:
    """It rotates a key, and the workload is not refused meanwhile either."""
    counted = reached(facts, "workload_after_hand_over")
    tell(
        f"hand-over {facts['hand_over_seconds']:.1f} s; requests: {counted['sent']} sent, {counted['refused']} refused"
    )
    former, successor = facts["leaders"]
    assert successor in [pod["metadata"]["name"] for pod in facts["pods"] if pod["metadata"]["name"] != former]
    assert (counted["refused"], counted["why"]) == (0, [])


def test_an_eviction_leaves_one_replica(facts: Facts) -> None:
    """The disruption budget allows one, and refuses the other until a new one is Ready."""
    assert "Success" in reached(facts, "first_eviction")
    assert "disruption budget" in reached(facts, "second_eviction")


def test_the_overlay_changes_the_image_and_the_two_permissions_alone(control_plane: Cluster, tmp_path: Path) -> None:
    """What a user applies is what is tested."""
    overlay.write(tmp_path, NAME)
    base, ours = render(control_plane, MANIFESTS / "base"), render(control_plane, tmp_path)
    container = _container(base)
    assert container["image"] != NAME
    container["image"] = NAME
    given = {entry["name"]: entry["value"] for entry in container["env"] if entry["name"] in overlay.ALLOWED}
    assert given == {"KEYPOOL_ALLOW_INSECURE_ENDPOINTS": "false"}
    container["env"] = [entry for entry in container["env"] if entry["name"] not in overlay.ALLOWED]
    container["env"] += [{"name": name, "value": value} for name, value in overlay.ALLOWED.items()]
    for documents in (base, ours):  # kustomize puts what was patched first
        _container(documents)["env"].sort(key=lambda entry: entry["name"])
    assert ours == base


def _container(documents: list[Document]) -> Document:
    (container,) = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    return container  # type: ignore[no-any-return]


def test_the_image_is_run_as_the_dockerfile_says(archive: Path) -> None:
    """buildah carried out the Dockerfile itself: this sees that nothing else got in."""
    found, last = settings(archive), dict(FINAL_STAGE)
    assert (found["User"], found["WorkingDir"]) == (last["USER"], last["WORKDIR"])
    assert found["Entrypoint"] == ["python", "-m", "keypool"]
    assert {entry.partition("=")[0] for entry in found["Env"]} == {
        "PATH",
        "PYTHONUNBUFFERED",
        "PYTHONDONTWRITEBYTECODE",
    }


def test_nothing_of_the_building_machine_is_in_the_image(archive: Path) -> None:
    """No settings of pip, apt or the resolver: they name hosts."""
    names = set(layers(archive))
    assert "opt/keypool/bin/python" in names
    foreign = {"etc/pip.conf", "etc/resolv.conf", "etc/hostname", "etc/apt/sources.list", "root/.config", "root/.cache"}
    assert names & foreign == set()
    tell(f"image: {archive.stat().st_size / 1e6:.0f} MB")
