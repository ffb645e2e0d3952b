"""Of an object that other people wrote, only what is used is kept, and never more than so much."""

import base64
import json
import tracemalloc
from typing import Any

import pytest

from keypool.cluster.cache import Kind, ObjectCache
from keypool.cluster.client import FIELD_MANAGER
from keypool.cluster.keeping import MOST_FINALIZERS
from keypool.core.ledger import Adopted
from keypool.core.projection import project
from keypool.reconcile.readings import FINALIZER, claims, request
from tests.unit.core.builders import a_key, a_ledger, a_spec

HUGE = "x" * 250_000
MANY = {f"example.com/{number}": "x" for number in range(20_000)}
FEW_KB = 8_000


def pool(**metadata: Any) -> dict[str, Any]:
    """A pool that wants a label and an annotation on its Secret."""
    asked = {"labels": {"team": "search"}, "annotations": {"owner": "me"}}
    meta = {"namespace": "ns", "name": "web", "uid": "u1", "resourceVersion": "1"}
    return {"metadata": meta | metadata, "spec": {"providerRef": {"name": "acme"}, "secret": asked}}


def secret(version: str = "2", data: dict[str, str] | None = None, **metadata: Any) -> dict[str, Any]:
    """The pool's Secret."""
    meta = {"namespace": "ns", "name": "web", "uid": "s1", "resourceVersion": version}
    return {"metadata": meta | metadata, "data": data or {}}


@pytest.fixture
def cache() -> ObjectCache:
    """One that knows the pool."""
    cache = ObjectCache(claims)
    cache.upsert(Kind.POOL, pool())
    return cache


@pytest.mark.parametrize(
    "metadata",
    [
        {"annotations": {"example.com/x": HUGE}},
        {"annotations": {"keypool.dev/rotate": HUGE}},
        {"annotations": {f"keypool.dev/{name.rpartition('/')[2]}": "x" for name in MANY}},
        {"annotations": MANY},
        {"labels": dict.fromkeys(MANY, "x")},
        {"finalizers": list(MANY)},
        {"ownerReferences": [{"uid": name} for name in MANY]},
        {"managedFields": [{"manager": name} for name in MANY]},
    ],
    ids=["a long one", "a long one of ours", "many of ours", "many", "labels", "finalizers", "owners", "managers"],
)
def test_of_a_pool_some_kilobytes_are_kept_whatever_its_metadata_hold(metadata: dict[str, Any]) -> None:
    cache = ObjectCache(claims)
    cache.upsert(Kind.POOL, pool(**metadata))
    assert len(json.dumps(cache.pool("u1"))) < FEW_KB


def test_what_people_ask_for_is_kept_with_one_character_more_than_is_read(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(resourceVersion="2", annotations={"keypool.dev/rotate": HUGE, "z": HUGE}))
    assert len(request(cache.pool("u1") or {}, "keypool.dev/rotate") or "") == 4097


def test_our_finalizer_is_seen_among_many_and_that_there_are_more(cache: ObjectCache) -> None:
    cache.upsert(Kind.POOL, pool(resourceVersion="2", finalizers=[*MANY, FINALIZER]))
    kept = (cache.pool("u1") or {})["metadata"]["finalizers"]
    assert kept[0] == FINALIZER
    assert len(kept) > MOST_FINALIZERS


@pytest.mark.parametrize(
    "found",
    [
        secret(data={"x": HUGE}),
        secret(data=dict.fromkeys((name.rpartition("/")[2] for name in MANY), "")),
        secret(annotations={"example.com/x": HUGE, "owner": HUGE}),
        secret(annotations=MANY, labels=MANY),
        secret(
            managedFields=[
                {"manager": "keypool", "fieldsV1": {"f:metadata": {"f:labels": {f"f:{name}": {} for name in MANY}}}}
            ]
        ),
    ],
    ids=["a large entry", "many entries", "large annotations", "many names", "many names in our name"],
)
def test_of_a_secret_some_kilobytes_are_kept_whatever_it_holds(cache: ObjectCache, found: dict[str, Any]) -> None:
    cache.upsert(Kind.SECRET, found)
    view = cache.secret("ns", "web")
    assert view is not None
    assert len(repr(view)) < 2 * FEW_KB


def test_of_a_secret_what_its_pool_asks_for_is_kept_and_what_others_wrote_is_not(cache: ObjectCache) -> None:
    texts = {"team": "search", "owner": "me", "other": "x", "keypool.dev/ledger-revision": "7"}
    cache.upsert(Kind.SECRET, secret(labels=texts, annotations=texts, data={"apiKey": "c2s="}))
    view = cache.secret("ns", "web")
    assert view is not None
    assert view.labels == {"team": "search", "keypool.dev/ledger-revision": "7"}
    assert view.annotations == {"owner": "me", "keypool.dev/ledger-revision": "7"}
    assert set(view.digests) == {"apiKey"}


def test_entries_that_are_too_many_never_look_like_ours(cache: ObjectCache) -> None:
    cache.upsert(Kind.SECRET, secret(data={f"e{number:02}": "" for number in range(17)}))
    view = cache.secret("ns", "web")
    assert view is not None
    assert "" in view.digests


def test_a_secret_that_no_pool_claims_is_not_kept_and_touches_nothing(cache: ObjectCache) -> None:
    assert not cache.upsert(Kind.SECRET, secret() | {"metadata": secret()["metadata"] | {"name": "other"}})
    assert list(cache.secrets()) == []


def test_a_secret_is_not_kept_longer_than_a_pool_claims_it_and_is_taken_when_one_claims_it_again(
    cache: ObjectCache,
) -> None:
    cache.upsert(Kind.SECRET, secret())
    cache.remove(Kind.POOL, pool(resourceVersion="3"))
    assert cache.secret("ns", "web") is None
    cache.upsert(Kind.POOL, pool(resourceVersion="4", uid="u2"))
    assert cache.upsert(Kind.SECRET, secret())
    assert cache.secret("ns", "web") is not None


def test_of_texts_that_an_object_had_before_nothing_large_is_remembered(cache: ObjectCache) -> None:
    tracemalloc.start()
    try:
        for version in range(2, 102):
            names: dict[str, Any] = {f"f:example.com/{version}-{number:02}-{'n' * 200}": {} for number in range(32)}
            fields = {"manager": FIELD_MANAGER, "fieldsV1": {"f:metadata": {"f:labels": names}}}
            texts = {f"keypool.dev/{letter}": f"{version}{letter}" * 30_000 for letter in "ab"}
            cache.upsert(Kind.SECRET, secret(str(version), annotations=texts, managedFields=[fields]))
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("keys", [None, {"apiKey": "Z_KEY", "baseURL": "Z_URL"}], ids=["as usual", "of other names"])
def test_of_a_secret_with_many_entries_that_was_taken_over_ours_are_seen(keys: dict[str, str] | None) -> None:
    """Else they would be written again for ever, and no leaked key could leave."""
    spec = a_spec(size=1, secret={"creationPolicy": "Adopt", **({"keys": keys} if keys else {})})
    entries = tuple((keys or {"apiKey": "apiKey", "baseURL": "baseURL"}).values())
    adopted = (Adopted(secret="web", uid="s1", entries=(*entries, "z-before")),)
    desired, _ = project(a_ledger(a_key(0)).model_copy(update={"adopted": adopted}), spec)
    cache = ObjectCache(claims)
    asked = {"providerRef": {"name": "acme"}, "secret": {"keys": keys} if keys else {}}
    cache.upsert(Kind.POOL, pool() | {"spec": asked})
    data = {**{f"A{number:02}": "theirs" for number in range(40)}, **desired.data}
    encoded = {name: base64.b64encode(text.encode()).decode() for name, text in data.items()}
    marks: dict[str, Any] = {"labels": dict(desired.labels), "annotations": dict(desired.annotations)}
    cache.upsert(Kind.SECRET, secret(data=encoded, **marks))
    view = cache.secret("ns", "web")
    assert view is not None
    assert desired.equals(view)
    cache.upsert(Kind.SECRET, secret("3", data=encoded | {"z-before": "bGVmdA=="}, **marks))
    assert not desired.equals(cache.secret("ns", "web") or view)


WANTED = {"labels": {"team": "search"}, "annotations": {"owner": "me", "note": "x"}}
ANOTHER: dict[str, Any] = {
    "another annotation": {"secret": WANTED},
    "another entry": {"secret": {"keys": {"apiKey": "Z_KEY"}}},
    "the same": {},
}


@pytest.mark.parametrize("what", ANOTHER)
def test_when_a_pool_wants_more_of_its_secret_what_was_kept_before_is_not_taken_for_all(
    cache: ObjectCache, what: str
) -> None:
    found = secret(annotations={"owner": "me", "note": "x"}, data={f"A{number:02}": "" for number in range(40)})
    cache.upsert(Kind.SECRET, found)
    asks_more = what != "the same"
    cache.upsert(Kind.POOL, pool(resourceVersion="3") | {"spec": pool()["spec"] | ANOTHER[what]})
    assert cache.secret("ns", "web") is not None, "until it is read anew, what is known of it counts"
    assert cache.is_outdated("ns", "web") is asks_more
    assert cache.upsert(Kind.SECRET, found) is asks_more, "the same version brings more"
    assert not cache.is_outdated("ns", "web")
    assert not cache.upsert(Kind.SECRET, found)
    view = cache.secret("ns", "web")
    assert view is not None
    assert ("note" in view.annotations) is (what == "another annotation")


def test_another_pool_that_claims_a_secret_has_it_read_for_itself(cache: ObjectCache) -> None:
    cache.upsert(Kind.SECRET, secret(annotations={"note": "x"}))
    second = pool(name="second", uid="u2", resourceVersion="3")
    second["spec"] |= {"secret": {"name": "web", "annotations": {"note": "x"}}}
    cache.upsert(Kind.POOL, second)
    assert cache.is_outdated("ns", "web")


def test_a_list_that_was_begun_before_a_pool_wanted_more_does_not_pass_for_a_new_look(cache: ObjectCache) -> None:
    entry = cache.seen(Kind.SECRET, secret("9", annotations={"note": "x"}))
    cache.upsert(Kind.SECRET, secret())
    cache.upsert(Kind.POOL, pool(resourceVersion="3") | {"spec": pool()["spec"] | {"secret": WANTED}})
    assert entry is not None
    assert cache.put(Kind.SECRET, entry)
    assert cache.is_outdated("ns", "web")
    assert cache.upsert(Kind.SECRET, secret("9", annotations={"note": "x"}))
    assert not cache.is_outdated("ns", "web")


def test_a_secret_that_went_is_not_outdated_for_ever(cache: ObjectCache) -> None:
    cache.upsert(Kind.SECRET, secret())
    cache.upsert(Kind.POOL, pool(resourceVersion="3") | {"spec": pool()["spec"] | {"secret": WANTED}})
    cache.remove(Kind.POOL, pool(resourceVersion="4"))
    assert not cache.is_outdated("ns", "web")
