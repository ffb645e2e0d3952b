"""`KeyProvider`: an account at a provider, with its admin credential beside it in the same namespace."""

from typing import Annotated

from pydantic import Field

from keypool.api.forms import BaseUrl, DataKey, Name
from keypool.api.pool import ApiModel


class Endpoint(ApiModel):
    """Where the provider answers."""

    url: Annotated[
        BaseUrl,
        Field(
            description="Base URL such as https://api.holysheep.ai/v1, without credentials, query or fragment. Plain "
            "http is refused unless the operator's administrator allows it. Immutable: it defines the account.",
        ),
    ]


class SecretKeyRef(ApiModel):
    """One entry of a Secret in the same namespace."""

    name: Annotated[
        Name, Field(description="Name of a Secret in this namespace. Changed in place: the pools' keys stay.")
    ]
    key: Annotated[
        DataKey,
        Field(description="Entry of the Secret that holds the admin credential (default adminKey). Changed in place."),
    ] = "adminKey"


class Auth(ApiModel):
    """What the operator authenticates with at the provider."""

    secret_ref: Annotated[
        SecretKeyRef,
        Field(
            description="The Secret with the admin credential, which must belong to the same account. It is read again "
            "every minute, and at once when it is refused; a new one is tried before the one before it is given up. "
            "Changed in place.",
        ),
    ]


class HolySheep(ApiModel):
    """HolySheep AI's key API."""

    lists_names: Annotated[
        bool,
        Field(
            description="True when this account's key listing shows names (default false: the documented one does "
            "not). Then a key whose create answer was lost is found again by its name. Changed in place.",
        ),
    ] = False


class KeyProviderSpec(ApiModel):
    """An account: which kind of provider, where, and with which credential. No change here rotates a key."""

    holy_sheep: Annotated[
        HolySheep,
        Field(description="The provider is HolySheep AI; {} takes its options' defaults. Changed in place."),
    ]
    endpoints: Annotated[
        tuple[Endpoint, ...],
        Field(
            min_length=1,
            max_length=1,
            description="Where the provider answers: one endpoint. Immutable.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    auth: Annotated[Auth, Field(description="The admin credential of the account. Changed in place.")]
    exclusive_account: Annotated[
        bool,
        Field(
            description="True when nobody else, and nothing but this installation of keypool, makes keys in this "
            "account (default false). Then a key whose create answer was lost is found as the one that no ledger "
            "knows, and revoked: a key that anybody else made could be taken for it. Changed in place.",
        ),
    ] = False
