"""manifests/ on a real API server: accepted, running under Pod Security "restricted", with no more rights than used."""

import asyncio
import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from keypool.app import Replica
from keypool.serve.audit import AuditLog
from keypool.settings import Settings
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import Cluster, ControlPlane
from tests.cluster.installation import MANIFESTS, Document, Installation, installed, only, render
from tests.waiting import eventually, within


@pytest.fixture(scope="module")
def installation(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The operator's manifests in a namespace of this module's own; no operator runs there."""
    with installed(control_plane, tmp_path_factory.mktemp("overlay")) as found:
        yield found


@pytest.fixture(scope="module")
def empty_cluster(binaries: Binaries) -> Iterator[ControlPlane]:
    """A cluster that has never heard of keypool."""
    with ControlPlane.start(binaries) as plane:
        yield plane


def can(cluster: Cluster, user: str, verb: str, resource: str, namespace: str) -> bool:
    """Whether RBAC allows it."""
    run = cluster.run_kubectl("auth", "can-i", verb, resource, f"--as={user}", f"--namespace={namespace}", "--quiet")
    return run.returncode == 0


OPERATOR = "system:serviceaccount:keypool-system:keypool"


def test_the_base_is_accepted_and_applying_it_again_would_change_nothing(empty_cluster: ControlPlane) -> None:
    """`kubectl apply -k manifests/base`, as the README has it."""
    empty_cluster.run_kubectl("apply", "-k", str(MANIFESTS / "base")).checked()
    assert empty_cluster.run_kubectl("diff", "-k", str(MANIFESTS / "base")).checked() == ""


def test_for_chosen_namespaces_the_operator_reads_no_secrets_elsewhere(empty_cluster: ControlPlane) -> None:
    """`kubectl apply -k manifests/namespaced` binds the same role to a namespace instead of the cluster."""
    empty_cluster.run_kubectl("delete", "clusterrolebinding", "keypool", "--ignore-not-found").checked()
    empty_cluster.run_kubectl("apply", "-k", str(MANIFESTS / "namespaced")).checked()
    reach = {name: can(empty_cluster, OPERATOR, "get", "secrets", name) for name in ("default", "kube-system")}
    assert reach == {"default": True, "kube-system": False}


def test_the_namespaces_that_are_served_are_those_that_are_bound(control_plane: Cluster) -> None:
    """In manifests/namespaced the two lists say the same."""
    documents = render(control_plane, MANIFESTS / "namespaced")
    own = only(documents, "Namespace")["metadata"]["name"]
    bound = {document["metadata"]["namespace"] for document in documents if document["kind"] == "RoleBinding"}
    assert set(settings(documents).served) == bound - {own}


def settings(documents: list[Document]) -> Settings:
    """The operator's settings as the Deployment's environment gives them."""
    entries = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]["env"]
    prefix = "KEYPOOL_"
    assert all(entry["name"].startswith(prefix) for entry in entries)
    given = {entry["name"].removeprefix(prefix).lower(): entry.get("value", "from-the-pod") for entry in entries}
    assert given.keys() <= Settings.model_fields.keys()
    return Settings(**given)


def test_the_deployment_sets_only_what_the_operator_knows(installation: Installation) -> None:
    """A misspelt variable would end the start. The whole cluster is served, at an address probes can reach."""
    given = settings(installation.documents)
    assert (given.served, given.http_host) == ((), "::")
    assert (given.allow_insecure_endpoints, given.allow_private_endpoints) == (False, "")


def test_kubernetes_waits_longer_for_the_end_than_the_operator_takes(installation: Installation) -> None:
    """Else calls under way would be cut off, and their outcomes unknown."""
    pod = only(installation.documents, "Deployment")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > settings(installation.documents).grace + 10


def test_probes_and_service_meet_the_port_that_is_listened_on(installation: Installation) -> None:
    """All by the port's name."""
    container = only(installation.documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    users = [container[f"{kind}Probe"]["httpGet"]["port"] for kind in ("startup", "liveness", "readiness")]
    users += [port["targetPort"] for port in only(installation.documents, "Service")["spec"]["ports"]]
    assert {ports[name] for name in users} == {settings(installation.documents).http_port}


@pytest.mark.parametrize("kind", ["Service", "PodDisruptionBudget"])
def test_a_selector_meets_the_pods(installation: Installation, kind: str) -> None:
    """Every label that is asked for stands on the pod template."""
    selector = only(installation.documents, kind)["spec"]["selector"]
    labels = only(installation.documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector.get("matchLabels", selector).items() <= labels.items()


def test_only_prometheus_may_call_the_operator_and_nothing_limits_what_it_calls(installation: Installation) -> None:
    """Policies add up, so one that let it call everything would undo an administrator's own."""
    policy = only(installation.documents, "NetworkPolicy")["spec"]
    template = only(installation.documents, "Deployment")["spec"]["template"]
    assert policy["podSelector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert policy["policyTypes"] == ["Ingress"]
    (rule,) = policy["ingress"]
    assert [port["port"] for port in rule["ports"]] == [
        port["name"] for port in template["spec"]["containers"][0]["ports"]
    ]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"keypool.dev/metrics": "allowed"}}}]


def test_a_replica_that_is_not_ready_is_scraped_too(installation: Installation) -> None:
    """Its metrics say why."""
    assert only(installation.documents, "Service")["spec"]["publishNotReadyAddresses"] is True


def test_the_replicas_keep_apart_where_they_can(installation: Installation) -> None:
    """And are not refused on a cluster of one node."""
    spec = only(installation.documents, "Deployment")["spec"]
    (apart,) = spec["template"]["spec"]["affinity"]["podAntiAffinity"][
        "preferredDuringSchedulingIgnoredDuringExecution"
    ]
    assert apart["podAffinityTerm"]["topologyKey"] == "kubernetes.io/hostname"
    assert apart["podAffinityTerm"]["labelSelector"] == spec["selector"]


def try_pod(installation: Installation, change: Callable[[Any, Any], None]) -> str:
    """What the API server says to the Deployment's pod, after a change of pod spec and container."""
    template = copy.deepcopy(only(installation.documents, "Deployment")["spec"]["template"])
    change(template["spec"], template["spec"]["containers"][0])
    metadata = {**template["metadata"], "name": "operator", "namespace": installation.namespace}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}
    run = installation.cluster.run_kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
    return run.stdout + run.stderr


def test_the_pod_is_accepted_under_restricted(installation: Installation) -> None:
    """By a server-side dry run in the operator's own namespace, without as much as a warning."""
    assert try_pod(installation, lambda pod, container: None) == "pod/operator created (server dry run)\n"


LOOSER: dict[str, Callable[[Any, Any], None]] = {
    "a root user": lambda pod, container: pod["securityContext"].update(runAsUser=0),
    "leave to run as root": lambda pod, container: pod["securityContext"].update(runAsNonRoot=False),
    "no seccomp profile": lambda pod, container: pod["securityContext"].pop("seccompProfile"),
    "leave to gain privileges": lambda pod, container: container["securityContext"].update(
        allowPrivilegeEscalation=True
    ),
    "capabilities": lambda pod, container: container["securityContext"].pop("capabilities"),
    "the host's network": lambda pod, container: pod.update(hostNetwork=True),
}


@pytest.mark.parametrize("what", LOOSER)
def test_the_operators_namespace_refuses_a_pod_with(installation: Installation, what: str) -> None:
    """The same pod with one thing changed: the namespace's label is what enforces it."""
    assert 'violates PodSecurity "restricted' in try_pod(installation, LOOSER[what])


def test_the_root_file_system_is_read_only(installation: Installation) -> None:
    """Pod Security does not ask for it; we do."""
    container = only(installation.documents, "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["securityContext"]["readOnlyRootFilesystem"] is True


async def test_the_operator_starts_with_these_rights_alone(empty_cluster: ControlPlane) -> None:
    """It takes the Lease, loads its ledgers, sees all watches, and the API server refuses nothing."""
    (await empty_cluster.kubectl("apply", "-k", str(MANIFESTS / "base"))).checked()
    kubeconfig = await empty_cluster.kubeconfig_for("keypool-system", "keypool")
    given = Settings(kubeconfig=kubeconfig, http_port=0)
    audit, stop = AuditLog(), asyncio.Event()
    replica = Replica(given, audit)
    running = asyncio.create_task(replica.run(stop))
    try:

        async def ready() -> bool:
            assert not running.done()
            return replica.not_ready() == []

        await eventually(ready, 20, "the operator is ready")
        assert 'code="403"' not in replica.metrics.text().decode()
    finally:
        stop.set()
        await within(running, 60)
        audit.close()
