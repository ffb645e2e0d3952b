"""What the API server refuses of tags and metadata of keys: spec of a pool, and what is said."""

from typing import Any

REFUSED_ACCOUNTING: dict[str, tuple[dict[str, Any], str]] = {
    "tag-form": ({"key": {"tags": ["team a"]}}, "must be a tag such as team-a"),
    "tags-long-together": (
        {"key": {"tags": [f"{'t' * 60}{number}" for number in range(5)]}},
        "spec.key.tags: Invalid value: all tags must have at most 256 characters together",
    ),
    "metadata-plain": ({"key": {"metadata": {"logging": "x"}}}, "keys must be of the form example.com/name"),
    "metadata-ours": ({"key": {"metadata": {"keypool.dev/pool": "x"}}}, "must not hold keys below keypool.dev/"),
    "metadata-form": ({"key": {"metadata": {"example.com/a": "caf\u00e9"}}}, "must be of printable ASCII characters"),
    "metadata-long-together": (
        {"key": {"metadata": {f"example.com/{number}": "x" * 256 for number in range(5)}}},
        "spec.key.metadata: Invalid value: keys and values must have at most 1024 characters together",
    ),
}
