"""The operator may do what is written here, and nothing else."""

import json
from collections.abc import Iterator
from itertools import product

import pytest

from keypool_lab.controlplane import Cluster
from tests.cluster.installation import Document, Installation, installed

ALL_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")
Right = tuple[str, str, str]  # verb, resource.group[/subresource], name or ""


def rights(resource: str, verbs: str, name: str = "") -> set[Right]:
    """The table's rows for one resource."""
    return {(verb, resource, name) for verb in verbs.split()}


EVERYWHERE = (
    rights("apikeypools.keypool.dev", "get list watch patch")
    | rights("apikeypools.keypool.dev/status", "update")
    | rights("apikeypools.keypool.dev/finalizers", "update")
    | rights("keyproviders.keypool.dev", "get list watch")
    | rights("keyproviders.keypool.dev/status", "update")
    | rights("clusterkeyproviders.keypool.dev", "get list watch")
    | rights("clusterkeyproviders.keypool.dev/status", "update")
    | rights("keyholders.keypool.dev", "get list watch")
    | rights("pods", "get")
    | rights("namespaces", "get list")
    | rights("secrets", "get list watch create update delete")
    | rights("events.events.k8s.io", "create")
)
IN_THE_CLUSTER = rights("customresourcedefinitions.apiextensions.k8s.io", "get", "apikeypools.keypool.dev")
AT_HOME = (
    rights("secrets", "get list create update delete")
    | rights("leases.coordination.k8s.io", "create")
    | rights("leases.coordination.k8s.io", "get update", "keypool")
)
# Asked of the API server, besides all that is in the table: what must be refused.
NEVER = ("pods/exec", "pods/log", "nodes", "serviceaccounts", "configmaps", "roles.rbac.authorization.k8s.io")


@pytest.fixture(scope="module")
def installation(control_plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The operator's manifests in a namespace of this module's own; no operator runs there."""
    with installed(control_plane, tmp_path_factory.mktemp("overlay")) as found:
        yield found


def granted(role: Document) -> set[Right]:
    """All that a role's rules grant."""
    found: set[Right] = set()
    for rule in role["rules"]:
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"]):
            plural, slash, sub = resource.partition("/")
            whole = f"{plural}.{group}{slash}{sub}" if group else resource
            found |= {(verb, whole, name) for name in rule.get("resourceNames", [""])}
    return found


def role(installation: Installation, kind: str, name: str) -> Document:
    """A role by its name in the base."""
    found = [x for x in installation.documents if x["kind"] == kind and x["metadata"]["name"].rsplit("-", 1)[0] == name]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("kind", "name", "table"),
    [
        ("ClusterRole", "keypool", EVERYWHERE),
        ("ClusterRole", "keypool-crds", IN_THE_CLUSTER),
        ("Role", "keypool", AT_HOME),
    ],
)
def test_a_role_grants_what_the_table_says(installation: Installation, kind: str, name: str, table: set[Right]) -> None:
    """No wildcard and no verb that is not used."""
    assert granted(role(installation, kind, name)) == table


def test_there_are_no_other_roles(installation: Installation) -> None:
    """Nor bindings to roles that are not ours."""
    kinds = [document["kind"] for document in installation.documents]
    names = {
        document["roleRef"]["name"].rsplit("-", 1)[0] for document in installation.documents if "roleRef" in document
    }
    assert (kinds.count("ClusterRole"), kinds.count("Role"), names) == (2, 1, {"keypool", "keypool-crds"})


def review(installation: Installation, right: Right, namespace: str) -> Document:
    """A question to the API server's authorizer."""
    verb, resource, name = right
    whole, _, sub = resource.partition("/")
    plural, _, group = whole.partition(".")
    attributes = {"verb": verb, "group": group, "resource": plural, "subresource": sub, "name": name}
    return {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": installation.user, "resourceAttributes": {**attributes, "namespace": namespace}},
    }


def allowed(installation: Installation, asked: list[Right], namespace: str) -> set[Right]:
    """Those that the API server would let the operator do."""
    stream = "\n---\n".join(json.dumps(review(installation, right, namespace)) for right in asked)
    answer = '--output=jsonpath={.status.allowed}{"\\n"}'
    answers = installation.cluster.run_kubectl("create", answer, "--filename=-", stdin=stream).checked().split()
    return {right for right, answer in zip(asked, answers, strict=True) if answer == "true"}


@pytest.mark.parametrize(("where", "table"), [("elsewhere", EVERYWHERE), ("at home", EVERYWHERE | AT_HOME)])
def test_the_api_server_allows_what_the_table_says(installation: Installation, where: str, table: set[Right]) -> None:
    """Every verb is asked for on every resource of the table, and on some that are nobody's business."""
    resources = {(resource, name) for _, resource, name in EVERYWHERE | AT_HOME} | {
        (resource, "") for resource in NEVER
    }
    asked = [(verb, resource, name) for verb, (resource, name) in product(ALL_VERBS, sorted(resources))]
    expected = {right for right in asked if right in table or (*right[:2], "") in table}
    namespace = installation.namespace if where == "at home" else "default"
    assert allowed(installation, asked, namespace) == expected


def test_one_definition_can_be_read_and_no_other(installation: Installation) -> None:
    """That of pools, to tell whether the kind itself is being removed."""
    (_, resource, name), *_ = IN_THE_CLUSTER
    asked = [(verb, resource, which) for verb in ALL_VERBS for which in (name, "keyproviders.keypool.dev", "")]
    assert allowed(installation, asked, "") == IN_THE_CLUSTER


def test_rights_that_would_lead_to_more_are_not_there(installation: Installation) -> None:
    """The operator can neither impersonate, nor bind roles, nor ask for another's token."""
    asked = [
        ("impersonate", "users", ""),
        ("impersonate", "serviceaccounts", ""),
        ("create", "serviceaccounts/token", ""),
        ("bind", "clusterroles.rbac.authorization.k8s.io", ""),
        ("escalate", "clusterroles.rbac.authorization.k8s.io", ""),
    ]
    assert allowed(installation, asked, installation.namespace) == set()
