"""The ConfigMap of parameters: what relays get by it, how the injection is paused, and what happens without it."""

import json
from collections.abc import Iterator

import pytest

from keypool_client.relay.settings import Settings
from keypool_lab.controlplane import Cluster
from tests.cluster.injection.installing import Injection, Object, injecting, pod
from tests.cluster.injection.test_injected import REPORT, relay, volumes


@pytest.fixture(scope="module")
def own(control_plane: Cluster) -> Iterator[Injection]:
    """One whose parameters may be changed."""
    with injecting(control_plane) as found:
        yield found


@pytest.fixture
def parameters(own: Injection) -> Iterator[Injection]:
    """The same; its parameters are back at the end."""
    yield own
    set_to(own, image="keypool-relay:0.1.0")
    own.until("parameters are back", lambda: '"image": "keypool-relay:0.1.0"' in own.ask(pod()).stdout)


def set_to(injection: Injection, **data: str) -> None:
    """These parameters and no other."""
    metadata = {"name": "keypool-relay", "namespace": injection.system}
    injection.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


POD = {"status.podIP": "10.0.0.1", "metadata.name": "app", "metadata.uid": "0b9a7e0c-0000-4000-8000-000000000000"}
KUBERNETES = {"KUBERNETES_SERVICE_HOST": "10.0.0.2", "KUBERNETES_SERVICE_PORT": "443"}


def environment(side: Object) -> dict[str, str]:
    """As the relay's process finds it."""
    sources = {entry["name"]: entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath") for entry in side["env"]}
    return KUBERNETES | {
        entry["name"]: POD[sources[entry["name"]]] if sources[entry["name"]] else entry["value"]
        for entry in side["env"]
    }


def test_a_relay_gets_what_the_parameters_say(parameters: Injection) -> None:
    set_to(
        parameters,
        image="registry.example.com/relay@sha256:0123",
        imagePullPolicy="Always",
        imagePullSecrets="registry, mirror",
        cpu="300m",
        memory="256Mi",
        runAsUser="1234",
        port="18484",
        healthPort="18485",
        caConfigMap="authorities",
        httpsProxy="http://proxy.example.com:3128",
        noProxy=".svc",
    )
    manifest = pod(imagePullSecrets=[{"name": "mirror"}, {"name": ""}])  # some charts write an empty one
    parameters.until("they are taken up", lambda: "relay@sha256:0123" in parameters.ask(manifest).stdout)
    given = parameters.made(manifest)
    side = relay(given)
    assert (side["imagePullPolicy"], side["securityContext"]["runAsUser"]) == ("Always", 1234)
    assert side["resources"] == {part: {"cpu": "300m", "memory": "256Mi"} for part in ("requests", "limits")}
    assert given["spec"]["imagePullSecrets"] == [{"name": "mirror"}, {}, {"name": "registry"}]
    env = environment(side)
    assert (env["HTTPS_PROXY"], env["NO_PROXY"]) == ("http://proxy.example.com:3128", ".svc")
    assert env["SSL_CERT_FILE"] == "/var/run/keypool/ca/ca.crt"
    assert volumes(given)["keypool-keys"]["projected"]["sources"][1]["configMap"] == {
        "name": "authorities",
        "items": [{"key": "ca.crt", "path": "ca/ca.crt"}],
    }
    settings = Settings.read(env)
    assert (settings.listen_port, settings.health_port) == (18484, side["ports"][0]["containerPort"])
    assert given["spec"]["containers"][0]["env"][0]["value"] == "http://127.0.0.1:18484/v1"


def test_the_relay_takes_all_that_it_is_told(own: Injection) -> None:
    """A variable that it does not know would end its start."""
    settings = Settings.read(environment(relay(own.made(pod()))))
    assert (settings.health_address, settings.report) == ("10.0.0.1", REPORT)


def test_while_it_is_paused_pods_are_let_through_without_a_relay(parameters: Injection) -> None:
    """Also those that would be refused: a rollback is not to stop anything."""
    set_to(parameters, image="keypool-relay:0.1.0", paused="true")
    parameters.until("it is paused", lambda: "initContainers" not in parameters.ask(pod()).stdout)
    given = parameters.made(pod(hostNetwork=True, volumes=[{"name": "keypool-keys", "emptyDir": {}}]))
    assert given["metadata"]["annotations"]["keypool.dev/injected"] == "paused"
    assert "env" not in given["spec"]["containers"][0]
    assert "injection of relays is paused" in parameters.ask(pod()).stderr


MISTAKES: dict[str, tuple[dict[str, str], str]] = {
    "a pause in other words": ({"paused": "yes"}, 'paused must be "true"'),
    "a pause in capitals": ({"paused": "True"}, 'paused must be "true"'),
    "a parameter of another name": ({"pause": "true"}, "no parameter of the name pause; known are paused, image"),
    "no policy of pulling": ({"imagePullPolicy": "always"}, "imagePullPolicy must be Always, IfNotPresent, Never"),
    "no quantity": ({"cpu": "much"}, "cpu must be from 50m to 1"),
    "too much CPU": ({"cpu": "2"}, "cpu must be from 50m to 1"),
    "too little memory": ({"memory": "128"}, "memory must be 64Mi or more"),
    "root": ({"runAsUser": "0"}, "runAsUser must be the number of a user other than root"),
    "a user that cannot be": ({"runAsUser": "4294967296"}, "from 1 to 2147483647"),
    "no number of a port": ({"port": "http"}, "port and healthPort must be two different numbers"),
    "one port for both": ({"port": "8485"}, "port and healthPort must be two different numbers"),
}


def test_a_mistake_in_the_parameters_is_refused_when_it_is_made(own: Injection) -> None:
    """In the words of whoever writes it; and a pause that is none is no surprise later."""
    told = {}
    for what, (data, _) in MISTAKES.items():
        patch = ("patch", "configmap/keypool-relay", "--namespace", own.system, "--type=merge", "--dry-run=server")
        told[what] = own.cluster.run_kubectl(*patch, f"--patch={json.dumps({'data': data})}").stderr
    assert {what: says in told[what] for what, (_, says) in MISTAKES.items()} == dict.fromkeys(MISTAKES, True), told


def test_who_was_made_in_a_pause_and_is_made_again_later_gets_a_relay(own: Injection) -> None:
    notes = {"keypool.dev/pool": "chat", "keypool.dev/injected": "paused"}
    assert relay(own.made(pod(annotations=notes)))["restartPolicy"] == "Always"


def test_without_parameters_only_pods_that_ask_for_a_pool_are_refused(parameters: Injection) -> None:
    where = ("--namespace", parameters.system)
    parameters.cluster.run_kubectl("delete", "configmap/keypool-relay", *where).checked()
    parameters.until("they are gone", lambda: parameters.ask(pod()).returncode != 0)
    told = parameters.refusal(pod())
    assert f"the ConfigMap keypool-relay in the namespace {parameters.system} must exist and name an image" in told
    assert parameters.ask(pod(annotations={})).returncode == 0


def test_without_an_image_a_pod_is_refused(parameters: Injection) -> None:
    set_to(parameters, port="8484")
    parameters.until("they are taken up", lambda: parameters.ask(pod()).returncode != 0)
    assert "must exist and name an image" in parameters.refusal(pod())
