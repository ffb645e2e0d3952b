"""What a pod gets that asks for a pool, and what it keeps."""

import json
from typing import Any

import pytest

from keypool.cluster.client import KubeClient
from tests.cluster.injection.installing import Injection, Object, pod

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
BOTH = {"cpu": "1", "memory": "1Gi"}


async def made(admin: KubeClient, injection: Injection, manifest: Object) -> Object:
    """What becomes of a pod, by a server-side dry run."""
    return await admin.create(f"/api/v1/namespaces/{injection.namespace}/pods", manifest, dry_run=True)


def relay(made: Object) -> Object:
    """The relay of a pod: in front of all init containers."""
    first: Object = made["spec"]["initContainers"][0]
    assert first["name"] == "keypool-relay"
    return first


def volumes(made: Object) -> Object:
    """By name."""
    return {volume["name"]: volume for volume in made["spec"].get("volumes", ())}


async def test_the_relay_is_a_side_car_in_front_of_everything_and_the_rest_stays(
    admin: KubeClient, injection: Injection
) -> None:
    """So init containers and other side-cars can call models."""
    before: list[Object] = [{"name": "migrate", "image": "m"}, {"name": "log", "image": "l", "restartPolicy": "Always"}]
    given = await made(
        admin, injection, pod({"name": "a", "image": "a"}, {"name": "b", "image": "b"}, initContainers=before)
    )
    assert [each["name"] for each in given["spec"]["initContainers"]] == ["keypool-relay", "migrate", "log"]
    assert [each["name"] for each in given["spec"]["containers"]] == ["a", "b"]
    assert relay(given)["restartPolicy"] == "Always"
    everyone = given["spec"]["initContainers"][1:] + given["spec"]["containers"]
    names = {each["name"]: [entry["name"] for entry in each["env"]] for each in everyone}
    assert list(names) == ["migrate", "log", "a", "b"]
    assert set(map(tuple, names.values())) == {("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_API_KEY")}


async def test_probes_ask_the_port_that_the_relay_was_told_at_the_pods_address(
    admin: KubeClient, injection: Injection
) -> None:
    """A readiness probe would take the pod out of its Service while a provider is out."""
    given = relay(await made(admin, injection, pod()))
    env = {entry["name"]: entry for entry in given["env"]}
    assert env["KEYPOOL_RELAY_HEALTH_ADDRESS"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.podIP"
    ports = {port["name"]: str(port["containerPort"]) for port in given["ports"]}
    asked = {kind: given[kind]["httpGet"] for kind in ("startupProbe", "livenessProbe")}
    assert {kind: ports[http["port"]] for kind, http in asked.items()} == dict.fromkeys(
        asked, env["KEYPOOL_RELAY_HEALTH_PORT"]["value"]
    )
    assert {kind: http["path"] for kind, http in asked.items()} == {
        "startupProbe": "/startedz",
        "livenessProbe": "/livez",
    }
    assert "readinessProbe" not in given


async def test_two_pools_are_in_one_volume_and_only_the_first_is_waited_for(
    admin: KubeClient, injection: Injection
) -> None:
    notes = {"keypool.dev/pool": "chat, chat-backup"}
    given = await made(admin, injection, pod(annotations=notes))
    sources = [source["secret"] for source in volumes(given)["keypool-keys"]["projected"]["sources"]]
    items = [[{"key": "keys.json", "path": f"{place}/keys.json"}] for place in range(2)]
    assert sources == [
        {"name": "chat-relay", "items": items[0]},
        {"name": "chat-backup-relay", "items": items[1], "optional": True},
    ]
    mount = next(each for each in relay(given)["volumeMounts"] if each["name"] == "keypool-keys")
    assert mount == {"name": "keypool-keys", "mountPath": "/var/run/keypool", "readOnly": True}


async def test_nobody_but_the_relay_gets_keys_or_the_right_to_report(admin: KubeClient, injection: Injection) -> None:
    given = await made(admin, injection, pod(initContainers=[{"name": "migrate", "image": "m"}]))
    others = given["spec"]["containers"] + given["spec"]["initContainers"][1:]
    mounted = {mount["name"] for each in others for mount in each.get("volumeMounts", ())}
    assert mounted.isdisjoint({"keypool-keys", "keypool-report"})
    assert {"keypool-keys", "keypool-report"} <= {mount["name"] for mount in relay(given)["volumeMounts"]}


REPORT = "/var/run/secrets/keypool.dev/report"


@pytest.mark.parametrize("automount", [True, False])
async def test_the_relay_can_report_whatever_the_pod_says_of_its_own_token(
    automount: bool, admin: KubeClient, injection: Injection
) -> None:
    given = await made(admin, injection, pod(automountServiceAccountToken=automount))
    assert any(name.startswith("kube-api-access-") for name in volumes(given)) == automount
    sources = volumes(given)["keypool-report"]["projected"]["sources"]
    assert sources[0] == {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}
    ca, where = sources[1]["configMap"], sources[2]["downwardAPI"]["items"][0]
    assert (ca["name"], ca["items"]) == ("kube-root-ca.crt", [{"key": "ca.crt", "path": "ca.crt"}])
    assert (where["path"], where["fieldRef"]["fieldPath"]) == ("namespace", "metadata.namespace")
    env = {entry["name"]: entry for entry in relay(given)["env"]}
    assert env["KEYPOOL_RELAY_REPORT"]["value"] == REPORT
    paths = {name: env[name]["valueFrom"]["fieldRef"]["fieldPath"] for name in ("KEYPOOL_POD_NAME", "KEYPOOL_POD_UID")}
    assert paths == {"KEYPOOL_POD_NAME": "metadata.name", "KEYPOOL_POD_UID": "metadata.uid"}
    assert REPORT in [mount["mountPath"] for mount in relay(given)["volumeMounts"]]


async def test_without_a_report_there_is_no_token_for_it(admin: KubeClient, injection: Injection) -> None:
    notes = {"keypool.dev/pool": "chat", "keypool.dev/report": "false"}
    given = await made(admin, injection, pod(annotations=notes, automountServiceAccountToken=False))
    assert list(volumes(given)) == ["keypool-keys"]
    told = json.dumps(relay(given))
    assert "REPORT" not in told
    assert "KEYPOOL_POD" not in told
    assert REPORT not in told


@pytest.mark.parametrize(
    ("resources", "quality"),
    [({"requests": BOTH, "limits": BOTH}, "Guaranteed"), ({"requests": BOTH}, "Burstable"), ({}, "Burstable")],
    ids=["guaranteed", "burstable", "best effort"],
)
async def test_a_guaranteed_pod_stays_guaranteed(
    resources: Object, quality: str, admin: KubeClient, injection: Injection
) -> None:
    given = await made(admin, injection, pod({"name": "app", "image": "app", "resources": resources}))
    assert given["status"]["qosClass"] == quality


async def test_a_pod_may_ask_for_other_cpu(admin: KubeClient, injection: Injection) -> None:
    notes = {"keypool.dev/pool": "chat", "keypool.dev/cpu": "1"}
    given = relay(await made(admin, injection, pod(annotations=notes)))["resources"]
    assert given["requests"] == given["limits"]
    assert given["limits"]["cpu"] == "1"


def test_it_passes_pod_security_restricted(injection: Injection) -> None:
    name = f"{injection.namespace}-restricted"
    injection.add_namespace(name, **{"pod-security.kubernetes.io/enforce": "restricted"})
    given = injection.made(pod({"name": "app", "image": "app", "securityContext": RESTRICTED}), name)
    assert relay(given)["securityContext"]["readOnlyRootFilesystem"] is True


TEMPLATE = {"metadata": {"labels": {"app": "app"}, "annotations": {"keypool.dev/pool": "chat"}}, "spec": pod()["spec"]}
ONCE = {**TEMPLATE, "spec": {**pod()["spec"], "restartPolicy": "Never"}}
SELECTED: Object = {"selector": {"matchLabels": {"app": "app"}}, "template": TEMPLATE}
WORKLOADS: list[tuple[str, str, Object]] = [
    ("apps/v1", "Deployment", SELECTED),
    ("apps/v1", "StatefulSet", {**SELECTED, "serviceName": "app"}),
    ("apps/v1", "DaemonSet", SELECTED),
    ("batch/v1", "Job", {"template": ONCE}),
    ("batch/v1", "CronJob", {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": ONCE}}}),
]


@pytest.mark.parametrize(("version", "kind", "spec"), WORKLOADS, ids=[kind for _, kind, _ in WORKLOADS])
async def test_pods_of_a_workload_get_it_and_the_workload_stays_as_written(
    version: str, kind: str, spec: Object, admin: KubeClient, injection: Injection
) -> None:
    """A controller makes pods of the template, with names that the API server completes."""
    path = f"/apis/{version}/namespaces/{injection.namespace}/{kind.lower()}s"
    body = {"apiVersion": version, "kind": kind, "metadata": {"name": "app"}, "spec": spec}
    workload = await admin.create(path, body, dry_run=True)
    assert "keypool-relay" not in json.dumps(workload)
    where = workload["spec"]["jobTemplate"]["spec"] if kind == "CronJob" else workload["spec"]
    metadata: dict[str, Any] = dict(where["template"]["metadata"])
    metadata.pop("creationTimestamp", None)
    named = {"name": "app-0"} if kind == "StatefulSet" else {"generateName": "app-"}
    template = {"apiVersion": "v1", "kind": "Pod", "metadata": {**metadata, **named}, "spec": where["template"]["spec"]}
    given = await made(admin, injection, template)
    assert relay(given)["restartPolicy"] == "Always"
    assert given["metadata"]["annotations"]["keypool.dev/injected"] == "true"


async def test_a_port_of_the_same_number_for_datagrams_is_not_in_the_way(
    admin: KubeClient, injection: Injection
) -> None:
    ports = [{"containerPort": 8484, "protocol": "UDP"}]
    assert relay(await made(admin, injection, pod({"name": "app", "image": "app", "ports": ports})))


MIRROR = {"keypool.dev/pool": "chat", "kubernetes.io/config.mirror": "0123", "kubernetes.io/config.hash": "0123"}
NOT_FOR = {
    "a pod that asks for nothing": pod(annotations={}),
    "a mirror of a static pod": pod(annotations=MIRROR, nodeName="node"),
    "a pod for Windows": pod(os={"name": "windows"}),
    "a pod for nodes with Windows": pod(nodeSelector={"kubernetes.io/os": "windows"}),
}


@pytest.mark.parametrize("what", NOT_FOR)
async def test_it_stays_as_it_is(what: str, admin: KubeClient, injection: Injection) -> None:
    given = await made(admin, injection, NOT_FOR[what])
    assert "keypool-relay" not in json.dumps(given)
    assert "keypool.dev/injected" not in json.dumps(given)


async def test_nothing_is_injected_where_the_operator_is(admin: KubeClient, injection: Injection) -> None:
    given = await admin.create(f"/api/v1/namespaces/{injection.system}/pods", pod(), dry_run=True)
    assert "keypool-relay" not in json.dumps(given)
