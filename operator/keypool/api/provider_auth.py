"""What the operator authenticates with at a provider."""

from typing import Annotated, Self

from pydantic import Field, model_validator

from keypool.api.forms import BaseUrl, DataKey, Name, OAuthScope
from keypool.api.model import ApiModel


class SecretKeyRef(ApiModel):
    """One entry of a Secret in the same namespace."""

    name: Annotated[
        Name, Field(description="Name of a Secret in this namespace. Changed in place: the pools' keys stay.")
    ]
    key: Annotated[
        DataKey,
        Field(description="Entry of the Secret that holds the admin credential (default adminKey). Changed in place."),
    ] = "adminKey"


class CaRef(ApiModel):
    """Certificates of authorities, in a Secret in the same namespace."""

    name: Annotated[Name, Field(description="Name of a Secret in this namespace. Changed in place.")]
    key: Annotated[
        DataKey, Field(description="Entry that holds the certificates in PEM (default ca.crt). Changed in place.")
    ] = "ca.crt"


class ClientRef(ApiModel):
    """The OAuth client's id and secret, in a Secret in the same namespace."""

    name: Annotated[Name, Field(description="Name of a Secret in this namespace. Changed in place.")]
    client_id_key: Annotated[
        DataKey, Field(description="Entry that holds the client's id (default clientId). Changed in place.")
    ] = "clientId"
    client_secret_key: Annotated[
        DataKey, Field(description="Entry that holds the client's secret (default clientSecret). Changed in place.")
    ] = "clientSecret"  # noqa: S105


class OAuth2(ApiModel):
    """OAuth 2.0 client credentials (RFC 6749 section 4.4), sent by HTTP Basic."""

    token_url: Annotated[
        BaseUrl,
        Field(
            alias="tokenURL",
            description="Where tokens are fetched, such as https://login.example.com/oauth2/token. Plain http is "
            "refused unless the operator's administrator allows it. Changed in place.",
        ),
    ]
    secret_ref: Annotated[
        ClientRef,
        Field(
            description="The Secret with the client's id and secret. It is read again every minute; a new pair is "
            "tried before the one before it is given up. Changed in place.",
        ),
    ]
    scopes: Annotated[
        tuple[OAuthScope, ...] | None,
        Field(
            min_length=1,
            max_length=32,
            description="Scopes to ask for: only those that the key API needs. Omitted: the server's default. Changed "
            "in place.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None
    audience: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=512,
            description="The audience to ask for, where the server wants one. Changed in place.",
        ),
    ] = None


class Auth(ApiModel):
    """What the operator authenticates with at the provider: exactly one of the two."""

    secret_ref: Annotated[
        SecretKeyRef | None,
        Field(
            description="The Secret with the admin credential, which must belong to the same account. It is read again "
            "every minute, and at once when it is refused; a new one is tried before the one before it is given up. "
            "Changed in place.",
        ),
    ] = None
    oauth2: Annotated[
        OAuth2 | None,
        Field(description="Tokens by OAuth 2.0 client credentials, of the same account. Changed in place."),
    ] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.secret_ref is None) == (self.oauth2 is None):
            raise ValueError("exactly one of secretRef and oauth2 must be given")
        return self
