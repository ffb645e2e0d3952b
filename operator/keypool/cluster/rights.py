"""Asks the API server what we may do, as `kubectl auth can-i` does."""

from keypool.cluster.client import KubeClient
from keypool.cluster.errors import Forbidden

REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_GROUP = "keypool.dev"
Right = tuple[str, str, str, str]
"""Verb, API group, resource, subresource."""
_SECRETS: tuple[Right, ...] = tuple((verb, "", "secrets", "") for verb in ("get", "create", "update", "delete"))
IN_PLACES: tuple[Right, ...] = (
    *_SECRETS,
    ("get", _GROUP, "apikeypools", ""),
    ("patch", _GROUP, "apikeypools", ""),
    ("update", _GROUP, "apikeypools", "status"),
    ("update", _GROUP, "keyproviders", "status"),
    ("create", "events.k8s.io", "events", ""),
)
"""What a leader writes where pools are; lists and watches are tried out."""
OF_THE_CLUSTER: tuple[Right, ...] = (
    ("update", _GROUP, "clusterkeyproviders", "status"),
    ("list", "", "namespaces", ""),
)
"""What a leader needs besides where it serves the whole cluster: there, pools may use a ClusterKeyProvider."""
_LEASE: Right = ("update", "coordination.k8s.io", "leases", "")


async def missing_rights(
    client: KubeClient, own: str, served: tuple[str, ...], lease: str
) -> tuple[list[str], dict[str | None, str]]:
    """What is missing in the operator's own namespace, and in each of the places that are served (None: the whole
    cluster), in words. `lease`: the name of the one that is renewed, for rights to it may be limited to that. Nothing
    where the API server does not tell. Raises KubeError."""
    rights = IN_PLACES if served else (*IN_PLACES, *OF_THE_CLUSTER)
    try:
        at_home = [*await _missing(client, _SECRETS, own), *await _missing(client, (_LEASE,), own, lease)]
        places = {place: await _missing(client, rights, place) for place in served or (None,)}
    except Forbidden:
        return [], {}
    return at_home, {place: "; ".join(words) for place, words in places.items() if words}


async def _missing(client: KubeClient, rights: tuple[Right, ...], place: str | None, name: str = "") -> list[str]:
    where = f"namespace {place}" if place is not None else "the whole cluster"
    return [f"no right to {_words(right)} in {where}" for right in rights if not await _may(client, right, place, name)]


async def _may(client: KubeClient, right: Right, place: str | None, name: str) -> bool:
    verb, group, resource, subresource = right
    asked = {"verb": verb, "group": group, "resource": resource, "subresource": subresource, "namespace": place or ""}
    asked["name"] = name
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = await client.create(REVIEWS, review)
    return bool((answer.get("status") or {}).get("allowed"))


def _words(right: Right) -> str:
    verb, _, resource, subresource = right
    return f"{verb} {resource}/{subresource}" if subresource else f"{verb} {resource}"
