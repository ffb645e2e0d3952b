"""The cache keeps the newest version of each object, in whatever order sightings arrive."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.cluster import store
from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.client import FIELD_MANAGER


def claims(pool: dict[str, Any]) -> tuple[str, ...]:
    """The test's rule: the Secret's name is in the spec."""
    return (pool["spec"]["claims"],)


def pool(version: int, uid: str = "u1", name: str = "p", claimed: str = "s", provider: str = "acme") -> dict[str, Any]:
    """A pool as the API server sends it."""
    meta = {"namespace": "ns", "name": name, "uid": uid, "resourceVersion": str(version), "managedFields": [{}]}
    asked = {"labels": {"example.com/team": "search"}, "annotations": {"example.com/owner": "me"}}
    return {"metadata": meta, "spec": {"claims": claimed, "providerRef": {"name": provider}, "secret": asked}}


def secret(name: str) -> dict[str, Any]:
    """A Secret with names that many have, as the API server sends it."""
    names: dict[str, Any] = {"f:labels": {"f:example.com/team": {}}}
    return {
        "metadata": {
            "namespace": "ns",
            "name": name,
            "uid": name,
            "resourceVersion": "1",
            "labels": {"example.com/team": "search"},
            "annotations": {"example.com/owner": name},
            "managedFields": [{"manager": FIELD_MANAGER, "fieldsV1": {"f:metadata": names}}],
        },
        "data": {"api-key": "c2s="},
    }


@pytest.fixture
def cache() -> ObjectCache:
    """An empty cache."""
    return ObjectCache(claims)


def test_only_a_newer_version_is_taken_and_versions_are_numbers(cache: ObjectCache) -> None:
    assert cache.upsert(Kind.POOL, pool(9))
    assert not cache.upsert(Kind.POOL, pool(9))
    assert cache.upsert(Kind.POOL, pool(10))
    assert not cache.upsert(Kind.POOL, pool(9))


def test_managed_fields_are_not_kept(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(1))
    assert "managedFields" not in (cache.pool("u1") or {})["metadata"]


def test_what_objects_have_in_common_is_kept_once(cache: ObjectCache) -> None:
    for uid in ("u1", "u2"):
        cache.upsert(Kind.POOL, json.loads(json.dumps(pool(1, uid=uid, name=uid, provider="acme corp"))))
    one, other = (cache.pool(uid) or {} for uid in ("u1", "u2"))
    assert one["spec"]["providerRef"]["name"] is other["spec"]["providerRef"]["name"]
    assert {id(key) for key in one} == {id(key) for key in other}


def test_what_secrets_have_in_common_is_kept_once(cache: ObjectCache) -> None:
    for version, uid in enumerate(("u1", "u2")):
        cache.upsert(Kind.POOL, pool(version, uid=uid, name=uid, claimed=uid))
        cache.upsert(Kind.SECRET, json.loads(json.dumps(secret(uid))))
    one, other = (cache.secret("ns", uid) for uid in ("u1", "u2"))
    assert one is not None
    assert other is not None
    assert one.managed_labels == {"example.com/team"}
    assert one.managed_labels is other.managed_labels
    for field in ("digests", "labels", "annotations"):
        assert [id(key) for key in getattr(one, field)] == [id(key) for key in getattr(other, field)]


def test_an_older_event_after_a_removal_does_not_resurrect(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(5))
    assert cache.remove(Kind.POOL, pool(8))
    assert not cache.upsert(Kind.POOL, pool(7))
    assert cache.pool("u1") is None
    assert list(cache.pools()) == []


def test_a_late_removal_does_not_take_away_a_newer_sighting(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(9))
    assert not cache.remove(Kind.POOL, pool(8))
    assert cache.pool("u1") is not None


def test_an_object_that_comes_back_with_a_newer_version_is_taken(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(5))
    cache.remove(Kind.POOL, pool(6))
    assert cache.upsert(Kind.POOL, pool(7))


def test_a_recreated_object_replaces_the_former_of_its_name(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(5, uid="old", provider="former"))
    assert cache.upsert(Kind.POOL, pool(7, uid="new"))
    assert cache.pool("old") is None
    assert cache.pools_of_provider("ns", "former") == frozenset()
    assert not cache.upsert(Kind.POOL, pool(6, uid="old")), "the former one's events are stale"
    assert not cache.remove(Kind.POOL, pool(6, uid="old"))
    assert [known["metadata"]["uid"] for known in cache.pools()] == ["new"]


def test_indices_follow_the_pools(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(1, "u1", "p1", claimed="s", provider="acme"))
    cache.upsert(Kind.POOL, pool(2, "u2", "p2", claimed="s", provider="acme"))
    assert cache.pools_claiming("ns", "s") == cache.pools_of_provider("ns", "acme") == {"u1", "u2"}
    cache.upsert(Kind.POOL, pool(3, "u2", "p2", claimed="t", provider="other"))
    assert cache.pools_claiming("ns", "s") == {"u1"}
    assert cache.pools_of_provider("ns", "other") == {"u2"}
    cache.remove(Kind.POOL, pool(4, "u1", "p1"))
    assert cache.pools_claiming("ns", "s") == cache.pools_of_provider("ns", "acme") == frozenset()
    cache.clear(Kind.POOL)
    assert cache.pools_claiming("ns", "t") == frozenset()


def test_an_object_touches_the_pools_that_depend_on_it(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(1, "u1", "p1", claimed="s"))
    cache.upsert(Kind.POOL, pool(2, "u2", "p2", claimed="s"))
    cache.upsert(Kind.POOL, pool(3, "u3", "p3", claimed="t"))
    named = {"metadata": {"namespace": "ns", "name": "s", "uid": "x", "resourceVersion": "4"}}
    assert cache.pools_touched(Kind.SECRET, named) == {"u1", "u2"}
    named["metadata"]["name"] = "acme"
    assert cache.pools_touched(Kind.PROVIDER, named) == {"u1", "u2", "u3"}
    assert cache.pools_touched(Kind.POOL, pool(1, "u1", "p1", claimed="s")) == {"u1", "u2"}, "rivals for one Secret"


def test_a_secret_is_kept_without_its_values(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(1))
    meta = {"namespace": "ns", "name": "s", "uid": "u", "resourceVersion": "1"}
    cache.upsert(Kind.SECRET, {"metadata": meta, "data": {"apiKey": "Y2FuYXJ5"}})
    view = cache.secret("ns", "s")
    assert view is not None
    assert "Y2FuYXJ5" not in repr(view)
    assert "canary" not in repr(view)


def test_the_memory_of_removals_is_bounded(cache: ObjectCache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_TOMBSTONES", 2)
    for number in range(5):
        cache.remove_uid(Kind.POOL, f"u{number}", 10)
    assert not cache.upsert(Kind.POOL, pool(9, uid="u4"))
    assert cache.upsert(Kind.POOL, pool(9, uid="u0"))


Sighting = tuple[str, int]


@given(st.integers(1, 8), st.booleans(), st.randoms(use_true_random=False))
def test_any_order_of_sightings_ends_in_the_same_state(last: int, removed: bool, random: Any) -> None:
    """The newest sighting decides, whether it is a version or the removal."""
    sightings: list[Sighting] = [("seen", version) for version in range(1, last + 1)]
    if removed:
        sightings.append(("gone", last + 1))
    random.shuffle(sightings)
    cache = ObjectCache(claims)
    for what, version in sightings:
        (cache.upsert if what == "seen" else cache.remove)(Kind.POOL, pool(version))
    known = cache.pool("u1")
    assert known is None if removed else known is not None and known["metadata"]["resourceVersion"] == str(last)


def wide(version: int, **spec: Any) -> dict[str, Any]:
    """A ClusterKeyProvider `acme` as the API server sends it."""
    return {"metadata": {"name": "acme", "uid": "wide", "resourceVersion": str(version)}, "spec": spec}


def test_a_provider_of_the_cluster_and_one_of_a_namespace_may_have_the_same_name(cache: ObjectCache) -> None:
    cache.upsert(Kind.CLUSTER_PROVIDER, wide(1))
    cache.upsert(Kind.PROVIDER, {"metadata": {"namespace": "ns", "name": "acme", "uid": "own", "resourceVersion": "2"}})
    found = [cache.provider(namespace, "acme") for namespace in ("", "ns")]
    assert [each["metadata"]["uid"] for each in found if each is not None] == ["wide", "own"]
    assert cache.provider_by_uid("wide") is not None
    assert {each["metadata"]["uid"] for each in cache.providers()} == {"wide", "own"}


def test_pools_are_touched_by_the_provider_of_the_kind_that_they_name(cache: ObjectCache) -> None:
    of_the_cluster = pool(2, "u2", "p2")
    of_the_cluster["spec"]["providerRef"]["kind"] = "ClusterKeyProvider"
    cache.upsert(Kind.POOL, pool(1, "u1", "p1"))
    cache.upsert(Kind.POOL, of_the_cluster)
    assert cache.pools_touched(Kind.CLUSTER_PROVIDER, wide(3)) == {"u2"}
    assert cache.pools_of_provider("ns", "acme") == {"u1"}


def test_who_reads_a_secret_is_known_without_looking_through_all_objects(cache: ObjectCache) -> None:
    auth = {"secretRef": {"name": "admin"}, "oauth2": {"secretRef": {"name": "client"}}}
    spec = {"auth": auth, "caSecretRef": {"name": "ca"}}
    named: dict[str, Any] = {"namespace": "ns", "name": "acme", "uid": "own", "resourceVersion": "2"}
    cache.upsert(Kind.PROVIDER, {"metadata": named, "spec": spec})
    cache.upsert(Kind.CLUSTER_PROVIDER, wide(3, auth={"secretRef": {"name": "admin"}}))
    taking = pool(4)
    taking["spec"]["keysFrom"] = {"secretRef": {"name": "mine"}}
    cache.upsert(Kind.POOL, taking)
    assert [cache.readers("ns", name) for name in ("admin", "client", "ca", "mine")] == [{"own"}] * 3 + [{"u1"}]
    assert cache.readers("", "admin") == {"wide"}
    cache.upsert(Kind.PROVIDER, {"metadata": named | {"resourceVersion": "5"}, "spec": {"auth": None}})
    cache.remove(Kind.CLUSTER_PROVIDER, wide(6))
    cache.upsert(Kind.POOL, pool(7))
    assert not any(cache.readers(*place) for place in (("ns", "admin"), ("", "admin"), ("ns", "mine")))


def test_a_provider_that_was_made_anew_under_its_name_leaves_no_reader_behind(cache: ObjectCache) -> None:
    old: dict[str, Any] = {"namespace": "ns", "name": "acme", "uid": "old", "resourceVersion": "2"}
    spec = {"auth": {"secretRef": {"name": "admin"}}}
    cache.upsert(Kind.PROVIDER, {"metadata": old, "spec": spec})
    cache.upsert(Kind.PROVIDER, {"metadata": old | {"uid": "new", "resourceVersion": "3"}, "spec": {}})
    assert not cache.readers("ns", "admin")
