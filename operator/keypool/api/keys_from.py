"""Where a pool has its keys from, where the provider has no key API."""

from typing import Annotated

from pydantic import Field

from keypool.api.forms import Name
from keypool.api.model import ApiModel


class SuppliedSecret(ApiModel):
    """A Secret that people, or external-secrets, fill."""

    name: Annotated[
        Name,
        Field(
            description="Name of a Secret in this namespace; each of its entries is one key's value. Changed in place: "
            "values that are in both stay published.",
        ),
    ]


class KeysFrom(ApiModel):
    """Where the values of keys come from that keypool cannot make."""

    secret_ref: Annotated[
        SuppliedSecret, Field(description="The Secret with the values. It is looked at every minute. Changed in place.")
    ]
