"""The Secrets that keypool writes for workloads, as a pool describes them."""

from typing import Annotated, Literal

from pydantic import Field

from keypool.api.forms import DataKey, Name
from keypool.api.model import ApiModel


class SecretKeys(ApiModel):
    """Names of the entries in the published Secret; choose what your SDK reads, such as OPENAI_API_KEY."""

    api_key: Annotated[
        DataKey,
        Field(
            description="Entry that holds the primary key (default apiKey), such as OPENAI_API_KEY. Changed in place."
        ),
    ] = "apiKey"
    base_url: Annotated[
        DataKey,
        Field(
            alias="baseURL",
            description="Entry that holds the provider's base URL (default baseURL), such as OPENAI_BASE_URL. Changed "
            "in place.",
        ),
    ] = "baseURL"


class SecretSpec(ApiModel):
    """The Secrets that keypool writes for workloads to mount."""

    name: Annotated[
        Name | None,
        Field(max_length=248, description="Name of the published Secret (default: the pool's name). Immutable."),
    ] = None
    pool_name: Annotated[
        Name | None,
        Field(
            description="Name of the second Secret, written while size is above 1, whose keys.json lists every usable "
            "key (default: the published Secret's name and -pool). Immutable.",
        ),
    ] = None
    keys: Annotated[
        SecretKeys,
        Field(description="Names of the entries in the published Secret. Changed in place: no key rotates."),
    ] = SecretKeys()
    labels: Annotated[
        dict[str, Annotated[str, Field(max_length=63)]] | None,
        Field(
            max_length=32,
            description="Labels for the Secrets; those below keypool.dev/ and app.kubernetes.io/managed-by are "
            "keypool's. Changed in place.",
        ),
    ] = None
    annotations: Annotated[
        dict[str, Annotated[str, Field(max_length=4096)]] | None,
        Field(
            max_length=32,
            description="Annotations for the Secrets; those below keypool.dev/, kubernetes.io/ and k8s.io/ are not "
            "for you to set. Changed in place.",
        ),
    ] = None
    follow_endpoint: Annotated[
        bool,
        Field(
            description="True (default false): the published base URL is that of the provider's endpoint in use, so "
            "that workloads that read it again fail over too; else it stays that of the first. Changed in place: no "
            "key rotates.",
        ),
    ] = False
    creation_policy: Annotated[
        Literal["Owner", "Adopt"],
        Field(
            description="Owner (default): a Secret of that name that is not this pool's is refused. Adopt: keys are "
            "written into it, beside what is there, where its annotation keypool.dev/allow holds pool/NAME. Changed in "
            "place.",
        ),
    ] = "Owner"
