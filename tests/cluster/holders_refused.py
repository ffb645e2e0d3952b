"""KeyHolders that the API server has to refuse: by name, with words that it must say."""

from tests.cluster.crd_manifests import Manifest, held, holder

REFUSED_HOLDERS: dict[str, tuple[Manifest, str]] = {
    name: (holder(name, *pools), message)
    for name, pools, message in (
        ("holder-of-nothing", (), "spec.pools in body should have at least 1 items"),
        ("holder-of-5", tuple(held(f"p{n}") for n in range(5)), "spec.pools: Too many: 5: must have at most 4 items"),
        ("holder-twice", (held("a"), held("a")), "spec.pools[1]: Duplicate value"),
        ("holder-key-twice", (held("a", "k", "k"),), "spec.pools[0].keys[1]: Duplicate value"),
        ("holder-many", (held("a", *(f"k{n}" for n in range(17))),), "must have at most 16 items"),
        (
            "holder-many-in-all",
            (held("a", *(f"k{n}" for n in range(9))), held("b", *(f"k{n}" for n in range(8)))),
            "must have at most 16 keys in all pools together",
        ),
        ("holder-of-a-value", (held("a", "sk value"),), "must be the id of a key in keys.json"),
        ("holder-long", (held("a", "k" * 129),), "may not be more than 128"),
        ("holder-some-day", ({"name": "a", "keys": [{"id": "k", "since": "today"}]},), "must be of type date-time"),
        ("holder-no-day", ({"name": "a", "keys": [{"id": "k"}]},), "since: Required value"),
        ("holder-name", (held("Chat_1"),), "must be a name of lower-case letters"),
    )
}
