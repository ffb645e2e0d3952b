"""`ApiKeyPool`: what a person applies.

Structural defaults stand here and so in the CRD's schema. Tunables (None here) are defaulted in `core.effective`, so
that they can improve without a change of anybody's manifest. Every description says what a change does to the keys.
Ranges of durations and rules between fields stand in `crd_rules`.
"""

from typing import Annotated, Literal

from pydantic import Field

from keypool.api.duration import Duration
from keypool.api.forms import Amount, MetadataValue, Model, Name, Percent, Scope, Tag
from keypool.api.keys_from import KeysFrom
from keypool.api.model import ApiModel
from keypool.api.secret_spec import SecretSpec


class ProviderRef(ApiModel):
    """Names the provider object whose account the keys belong to."""

    kind: Annotated[
        Literal["KeyProvider", "ClusterKeyProvider"],
        Field(
            description="KeyProvider (default): one of this namespace. ClusterKeyProvider: one of the cluster, which "
            "must have this namespace among its tenants. Immutable."
        ),
    ] = "KeyProvider"
    name: Annotated[Name, Field(description="Name of the provider object. Immutable.")]


class RateLimit(ApiModel):
    """A limit that the provider enforces for each key."""

    requests_per_minute: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="Requests a minute that each key may make (1 to 1000000). Changed in place where the "
            "provider can (capability changesLimits); elsewhere a change rotates the keys.",
        ),
    ]


class SpendLimit(ApiModel):
    """A spending limit that the provider enforces."""

    amount: Annotated[
        Amount,
        Field(
            description='US dollars such as "25" or "2.50" (0.01 to 99999999.99). Changed in place where the provider '
            "can (changesLimits), else a change rotates the keys.",
        ),
    ]
    period: Annotated[
        Literal["Daily", "Weekly", "Monthly"] | None,
        Field(
            description="When what was spent counts no more: at midnight UTC, on Mondays, or on the first of the "
            "month. Omitted: never. Changed in place where the provider can, else a change rotates the keys.",
        ),
    ] = None
    scope: Annotated[
        Literal["Key", "Pool"],
        Field(
            description="Key (default): each slot may spend the amount, and a new key only what its slot has left in "
            "the period. Pool: all keys share the amount, which needs size 1 or a provider with limitsGroupSpend. A "
            "change rotates the keys.",
        ),
    ] = "Key"
    alert_at: Annotated[
        tuple[Percent, ...] | None,
        Field(
            min_length=1,
            max_length=8,
            description="Percentages of the limit at which WithinSpendLimit becomes False and an Event tells (default "
            "80 and 100). Changed in place.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None


class KeyTemplate(ApiModel):
    """What each key is allowed to do and how long it lives."""

    scopes: Annotated[
        tuple[Scope, ...] | None,
        Field(
            min_length=1,
            max_length=32,
            description="What each key may do, in the provider's words, such as chat:write, each once. Omitted: the "
            "provider's default. A change rotates the keys.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None
    models: Annotated[
        tuple[Model, ...] | None,
        Field(
            min_length=1,
            max_length=64,
            description="The only models that each key may use, in the provider's words, each once. Omitted: the "
            "provider's default. Changed in place where the provider can (capability changesLimits); elsewhere a "
            "change rotates the keys.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None
    rate_limit: Annotated[
        RateLimit | None,
        Field(
            description="Limits that the provider enforces for each key. Omitted: the provider's default. Changed in "
            "place where the provider can (capability changesLimits); elsewhere a change rotates the keys.",
        ),
    ] = None
    spend_limit: Annotated[
        SpendLimit | None,
        Field(
            description="What may be spent. Omitted: the provider's default. Its fields say what a change does to the "
            "keys; giving or omitting it is changed in place where the provider can, else it rotates the keys.",
        ),
    ] = None
    tags: Annotated[
        tuple[Tag, ...] | None,
        Field(
            min_length=1,
            max_length=8,
            description="Tags that each key gets at the provider, for its accounting, each once (capability setsTags). "
            "They may also decide which models and budgets the provider uses: so not for pools of a "
            "ClusterKeyProvider, whose administrator sets them. Changed in place: keys made from then on get them.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None
    metadata: Annotated[
        dict[str, MetadataValue] | None,
        Field(
            max_length=8,
            description="What each key is to say of itself at the provider, for its accounting, such as "
            'example.com/cost-centre: "4711", beside what keypool says there: namespace, pool and installation '
            "(capability setsMetadata). No secrets. Changed in place: keys made from then on say it.",
        ),
    ] = None
    lifetime: Annotated[
        Duration | None,
        Field(
            description="How long a key lives at most (5m to 8760h; default 720h; the provider's maximum where that is "
            "shorter). Changed in place: it moves the next rotation.",
        ),
    ] = None


class Overlap(ApiModel):
    """How long a replaced key goes on working."""

    min: Annotated[
        Duration | None,
        Field(
            description="A replaced key is revoked no sooner than this after it left the Secret (0s to 168h, below "
            "the lifetime; default 10m, at most half of the lifetime and no more than every; mounted files follow a "
            "Secret within about 90 s). Changed in place.",
        ),
    ] = None


class Rotation(ApiModel):
    """When keys are replaced."""

    every: Annotated[
        Duration | None,
        Field(
            description="Each key is replaced after this time (1m to 8760h; default 24h); the slots take turns. "
            "Changed in place: it moves the next rotation.",
        ),
    ] = None
    renew_before: Annotated[
        Duration | None,
        Field(
            description="A key is replaced at the latest this long before it expires (0s to below the lifetime; "
            "default: a tenth of the lifetime, at most 1h). Changed in place: it moves the next rotation.",
        ),
    ] = None
    overlap: Annotated[
        Overlap | None, Field(description="How long a replaced key goes on working. Changed in place.")
    ] = None
    quiet: Annotated[
        Duration | None,
        Field(
            description="Where the provider can disable keys, a replaced key is disabled after the overlap and deleted "
            "this long afterwards (0s to 168h; default 1h, at most half of the lifetime and no more than every; 0s: "
            "deleted at once). Until then the annotation keypool.dev/undo-revoke brings it back. Changed in place.",
        ),
    ] = None
    max_surge: Annotated[
        int | None,
        Field(
            ge=1, le=100, description="How many slots rotate at the same time (1 to 100; default 1). Changed in place."
        ),
    ] = None


class Health(ApiModel):
    """How keypool finds out that a key died outside of its control."""

    probe_every: Annotated[
        Duration | None,
        Field(description="How often each key is checked at the provider (5s to 24h; default 5m). Changed in place."),
    ] = None
    failure_threshold: Annotated[
        int | None,
        Field(
            ge=1,
            le=20,
            description="Definite rejections in a row after which a key is withdrawn and replaced (1 to 20; default "
            "3). Changed in place.",
        ),
    ] = None


class ApiKeyPoolSpec(ApiModel):
    """What the pool should be. Only providerRef is required; each field says whether a change rotates the keys."""

    provider_ref: Annotated[ProviderRef, Field(description="The provider whose keys this pool holds. Immutable.")]
    keys_from: Annotated[
        KeysFrom | None,
        Field(
            description="The values of the keys, where the provider has no key API (a static provider); required "
            "there, and refused elsewhere. A new value is checked and published, one that is removed leaves once "
            "another key is live. key.lifetime and rotation.every (default: 2160h) then say at which age people are "
            "asked for a new key. Changed in place.",
        ),
    ] = None
    size: Annotated[
        int,
        Field(
            ge=1,
            le=100,
            description="How many keys are published (1 to 100; default 2: a primary and a hot spare). kubectl scale "
            "sets it too; a HorizontalPodAutoscaler cannot, since keys are no pods. Changed in place: keys are added "
            "or retired, the others stay.",
        ),
    ] = 2
    key: Annotated[
        KeyTemplate,
        Field(description="What each key may do and how long it lives. Its fields say what rotates the keys."),
    ] = KeyTemplate()
    rotation: Annotated[Rotation, Field(description="When keys are replaced. Changed in place.")] = Rotation()
    secret: Annotated[
        SecretSpec, Field(description="The Secrets that workloads mount. No change here rotates a key.")
    ] = SecretSpec()
    health: Annotated[Health, Field(description="How keys are checked. Changed in place.")] = Health()
    deletion_policy: Annotated[
        Literal["Revoke", "RevokeAndWait", "Retain"],
        Field(
            description="What deleting the pool does. Revoke (default): its keys are revoked; what cannot be confirmed "
            "within 60 s is retried after the pool is gone. RevokeAndWait: the pool stays until every key is revoked. "
            "Retain: keys and Secrets are left as they are. Changed in place.",
        ),
    ] = "Revoke"
    suspend: Annotated[
        bool,
        Field(
            description="True (default false): no key is created, rotated or revoked; what is in flight is finished, "
            "Secrets are repaired, deletion is honoured. Changed in place.",
        ),
    ] = False
