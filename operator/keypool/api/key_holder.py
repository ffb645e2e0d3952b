"""`KeyHolder`: what one pod's relay says about the keys that it holds. The relay writes it, and nobody else.

It is a report, and no authority: the operator asks the provider about a key that is reported as rejected, and goes by
the answer.
"""

from typing import Annotated

from pydantic import Field

from keypool.api.forms import FORM, UPSTREAM_ID, Name
from keypool.api.model import ApiModel
from keypool.api.status import Time

MOST_POOLS, MOST_KEYS = 4, 16
"""Of one pod; keys in all of its pools together."""

KeyId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=128,
        pattern=UPSTREAM_ID,
        json_schema_extra={FORM: "must be the id of a key in keys.json, of letters, digits and . _ : -"},
    ),
]


class HeldKey(ApiModel):
    """A key that the pod has in its file, or that an open request uses."""

    id: Annotated[
        KeyId, Field(description="The key's public id, as keys.json has it: never its value. Changed in place.")
    ]
    since: Annotated[Time, Field(description="Since when this pod holds the key. Changed in place.")]
    rejected: Annotated[
        Time | None,
        Field(
            description="Since when the provider has rejected the key in this pod's requests. Absent: it has not. The "
            "operator asks the provider itself, at once. Changed in place.",
        ),
    ] = None


class HeldPool(ApiModel):
    """A pool that the pod reads, in the pod's namespace."""

    name: Annotated[Name, Field(description="Name of the ApiKeyPool. Changed in place.")]
    keys: Annotated[
        tuple[HeldKey, ...],
        Field(
            max_length=MOST_KEYS,
            description="The keys of that pool which the pod holds; 16 in all of its pools. Changed in place.",
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["id"]},
        ),
    ] = ()


class HolderSummary(ApiModel):
    """The same in short, for the columns of kubectl, which show one value each. Nothing else reads it."""

    pools: Annotated[
        str, Field(max_length=1024, description='Names of the pools, such as "batch, chat". Changed in place.')
    ]
    keys: Annotated[
        int, Field(ge=0, le=MOST_KEYS, description="How many keys the pod holds (0 to 16). Changed in place.")
    ]
    rejected: Annotated[
        int, Field(ge=0, le=MOST_KEYS, description="How many of them were rejected (0 to 16). Changed in place.")
    ]
    ids: Annotated[
        str,
        Field(
            max_length=2080,
            description="The ids of the keys, in one line: `kubectl get kh -o wide | grep ID` tells which pods hold a "
            "key. Changed in place.",
        ),
    ]


class KeyHolderSpec(ApiModel):
    """What the relay of the pod of the same name holds."""

    pools: Annotated[
        tuple[HeldPool, ...],
        Field(
            min_length=1,
            max_length=MOST_POOLS,
            description="The pools that the pod reads, and the keys of each (1 to 4). Changed in place.",
            json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
        ),
    ]
    summary: Annotated[
        HolderSummary | None,
        Field(description="The same in short, for kubectl's columns: nothing else reads it. Changed in place."),
    ] = None
