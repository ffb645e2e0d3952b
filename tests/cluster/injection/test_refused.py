"""Who asks for a pool and cannot get a relay is told why; who asks in the wrong place is warned."""

import pytest

from tests.cluster.injection.installing import Injection, Object, pod
from tests.cluster.injection.test_injected import SELECTED, TEMPLATE, WORKLOADS

FIVE = ",".join(f"pool-{number}" for number in range(5))


def asking(**notes: str) -> Object:
    """A pod with such annotations."""
    return pod(annotations={f"keypool.dev/{name}": value for name, value in {"pool": "chat", **notes}.items()})


REFUSED: dict[str, tuple[Object, str]] = {
    "no pool": (asking(pool=""), "must name pools of this namespace"),
    "an empty name": (asking(pool="chat,"), "must name pools of this namespace"),
    "a name with a path": (asking(pool="../chat"), "must name pools of this namespace"),
    "a name of another namespace": (asking(pool="other/chat"), "must name pools of this namespace"),
    "a name in capitals": (asking(pool="Chat"), "must name pools of this namespace"),
    "a name that is too long": (asking(pool="c" * 250), "must name pools of this namespace"),
    "a pool twice": (asking(pool="chat,chat"), "at most four pools, each once"),
    "five pools": (asking(pool=FIVE), "at most four pools, each once"),
    "an unknown environment": (asking(env="azure"), "keypool.dev/env must be openai, anthropic, gemini or none"),
    "a container that is none": (asking(containers="app,ap"), "names what is no container of this pod: ap"),
    "the relay as a container": (asking(containers="keypool-relay"), "no container of this pod: keypool-relay"),
    "a report that is neither": (asking(report="no"), 'keypool.dev/report must be "true" or "false"'),
    "no quantity": (asking(cpu="much"), "keypool.dev/cpu must be the CPU of the relay, from 50m to 1"),
    "too much": (asking(cpu="2"), "keypool.dev/cpu must be the CPU of the relay, from 50m to 1"),
    "too little": (asking(cpu="10m"), "keypool.dev/cpu must be the CPU of the relay, from 50m to 1"),
    "the node's network": (pod(hostNetwork=True), "not for pods with hostNetwork"),
    "our container": (pod({"name": "keypool-relay", "image": "app"}), "keypool's own (container keypool-relay)"),
    "our init container": (
        pod(initContainers=[{"name": "keypool-relay", "image": "app"}]),
        "keypool's own (container keypool-relay)",
    ),
    "our volumes": (
        pod(volumes=[{"name": "keypool-keys", "emptyDir": {}}, {"name": "keypool-report", "emptyDir": {}}]),
        "keypool's own (volume keypool-keys, volume keypool-report)",
    ),
    "the relay's port": (
        pod({"name": "app", "image": "app", "ports": [{"containerPort": 8484}]}),
        "container app has a port that the relay takes (8485, 8484)",
    ),
    "a word that it was done": (
        pod(annotations={"keypool.dev/pool": "chat", "keypool.dev/injected": "true"}, hostNetwork=True),
        "not for pods with hostNetwork",
    ),
}


@pytest.fixture(scope="session")
def answers(injection: Injection) -> str:
    """What kubectl says of all of them at once."""
    named = [{**each, "metadata": {**each["metadata"], "name": name_of(what)}} for what, (each, _) in REFUSED.items()]
    return injection.refusal({"apiVersion": "v1", "kind": "List", "items": named})


def name_of(what: str) -> str:
    """The pod's name."""
    return f"pod-{list(REFUSED).index(what)}-refused"


@pytest.mark.parametrize("what", REFUSED)
def test_it_is_refused_with_a_sentence(what: str, answers: str) -> None:
    (line,) = [line for line in answers.splitlines() if f'"{name_of(what)}"' in line]
    assert REFUSED[what][1] in line


def test_who_only_says_that_it_was_done_gets_a_relay(injection: Injection) -> None:
    """As a pod that was exported, and whose relay somebody took out."""
    notes = {"keypool.dev/pool": "chat", "keypool.dev/injected": "true"}
    assert injection.made(pod(annotations=notes))["spec"]["initContainers"][0]["name"] == "keypool-relay"


def workload(version: str, kind: str, spec: Object, annotations: Object) -> Object:
    """Whose own annotations are these."""
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "app", "annotations": annotations}, "spec": spec}


def without_annotations(spec: Object) -> Object:
    """The same with a template that asks for nothing."""
    plain = {**TEMPLATE, "metadata": {"labels": {"app": "app"}}}
    if "jobTemplate" in spec:
        once = {**plain, "spec": spec["jobTemplate"]["spec"]["template"]["spec"]}
        return {**spec, "jobTemplate": {"spec": {"template": once}}}
    return {**spec, "template": {**plain, "spec": spec["template"]["spec"]}}


@pytest.mark.parametrize(("version", "kind", "spec"), WORKLOADS, ids=[kind for _, kind, _ in WORKLOADS])
def test_an_annotation_of_a_workload_itself_is_warned_of(
    version: str, kind: str, spec: Object, injection: Injection
) -> None:
    run = injection.ask(workload(version, kind, without_annotations(spec), {"keypool.dev/pool": "chat"}))
    assert run.returncode == 0
    assert "keypool.dev/pool has no effect here: it belongs into the annotations of the pod template" in run.stderr


@pytest.mark.parametrize("annotations", [{}, {"keypool.dev/pool": "chat"}], ids=["there alone", "there as well"])
def test_nobody_is_warned_whose_template_asks(annotations: Object, injection: Injection) -> None:
    run = injection.ask(workload("apps/v1", "Deployment", SELECTED, annotations))
    assert (run.returncode, run.stderr) == (0, "")


def test_a_pod_for_windows_is_warned(injection: Injection) -> None:
    assert "no effect on a pod for Windows" in injection.ask(pod(os={"name": "windows"})).stderr
