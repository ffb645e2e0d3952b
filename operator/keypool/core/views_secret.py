"""A published Secret as the operator remembers it: digests in place of values."""

from collections.abc import Mapping
from dataclasses import dataclass

ANNOTATION_REVISION = "keypool.dev/ledger-revision"
ANNOTATION_ADOPTED = "keypool.dev/adopted"
"""On a Secret of somebody else's: which of its entries are keypool's."""


@dataclass(frozen=True, slots=True)
class SecretView:
    """What decisions need to know of a Secret.

    `owner_uid`: UID of the ApiKeyPool that controls it, None for none. `controlled_by_other`: something that is not an
    ApiKeyPool controls it. `digests`: entry of `data` -> hex SHA-256 of its decoded bytes. `managed_labels` and
    `managed_annotations`: the names that the field manager `keypool` owns, whoever changed the values since.
    `other_manager`: the field manager that changed the entries last, where it is not ours.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    owner_uid: str | None
    controlled_by_other: bool
    type: str
    immutable: bool
    digests: Mapping[str, str]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    managed_labels: frozenset[str]
    managed_annotations: frozenset[str]
    deleting: bool = False
    other_manager: str = ""
