"""`ClusterKeyProvider`: a provider whose account several namespaces may use, and which of them, for what, as whom.

An administrator owns it; people in the namespaces only name it. Every description says what a change does to keys.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from keypool.api.duration import Duration
from keypool.api.forms import Amount, LabelKey, LabelValue, Model, Name, Scope, UpstreamId
from keypool.api.model import ApiModel
from keypool.api.provider import KeyProviderSpec

IDENTITIES: dict[str, tuple[str, ...]] = {
    "team": ("liteLLM", "webhook"),
    "workspace": ("openRouter", "webhook"),
    "guardrail": ("openRouter", "webhook"),
    "project": ("openAI", "webhook"),
}
"""Field of a tenant's identity to the kinds of provider that know such a thing."""
_ATOMIC = {"x-kubernetes-list-type": "atomic"}
_SET = {"x-kubernetes-list-type": "set"}
_STOPS = "Changed in place: keys that exist stay, and none is made or rotated against it."


class LabelRequirement(ApiModel):
    """What one label has to be."""

    key: Annotated[LabelKey, Field(description="The label. Changed in place.")]
    operator: Annotated[
        Literal["In", "NotIn", "Exists", "DoesNotExist"],
        Field(
            description="In, NotIn (which an absent label fulfils): compared with values. Exists, DoesNotExist. "
            "Changed in place."
        ),
    ]
    values: Annotated[
        tuple[LabelValue, ...],
        Field(
            max_length=24,
            description="For In and NotIn: 1 to 24 values. Else left out. Changed in place.",
            json_schema_extra=_ATOMIC,
        ),
    ] = ()


class LabelSelector(ApiModel):
    """A selector as Kubernetes has it: all of it must hold; an empty one selects everything."""

    match_labels: Annotated[
        dict[str, LabelValue] | None,
        Field(max_length=16, description="Labels that must have exactly these values (up to 16). Changed in place."),
    ] = None
    match_expressions: Annotated[
        tuple[LabelRequirement, ...],
        Field(
            max_length=16,
            description="Further requirements (up to 16), all of which must hold. Changed in place.",
            json_schema_extra=_ATOMIC,
        ),
    ] = ()


class IdentitySource(ApiModel):
    """An id that the provider gave: written down here, or on the namespace. Exactly one of the two."""

    value: Annotated[UpstreamId | None, Field(description="The id itself. A change rotates the tenant's keys.")] = None
    from_namespace_label: Annotated[
        LabelKey | None,
        Field(
            description="Label of the pool's namespace whose value is the id. While the label is missing or is no id, "
            "nothing is made. A change, here or of the label, rotates the keys. Whoever may label the namespace "
            "chooses the id."
        ),
    ] = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.value is None) == (self.from_namespace_label is None):
            raise ValueError("exactly one of value and fromNamespaceLabel must be given")
        return self


def _source(what: str) -> Any:  # noqa: ANN401
    return Field(default=None, description=f"{what}. A change rotates the tenant's keys.")


class TenantIdentity(ApiModel):
    """Whom the provider takes the tenant's keys for; it wins over the provider's own options."""

    team: IdentitySource | None = _source("LiteLLM's team, whose budget and limits the keys draw on")
    workspace: IdentitySource | None = _source("OpenRouter's workspace, which the keys are made in")
    guardrail: IdentitySource | None = _source("OpenRouter's guardrail, which each key gets before it is published")
    project: IdentitySource | None = _source("OpenAI's project, which the keys belong to")

    def given(self) -> dict[str, IdentitySource]:
        """The sources that are given, by field."""
        found = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: source for name, source in found if source is not None}


class SpendLimitRule(ApiModel):
    """What a pool's key.spendLimit has to be."""

    required: Annotated[
        bool, Field(description=f"True: a pool must have a spending limit (default false). {_STOPS}")
    ] = False
    max_amount: Annotated[
        Amount | None,
        Field(
            description='The highest amount, in US dollars such as "25" or "2.50", that a pool\'s spending limit may '
            f"say, whatever its period and scope. It makes a spending limit required. {_STOPS}",
        ),
    ] = None


class TenantLimits(ApiModel):
    """What a tenant may have. Left out: no limit."""

    pools: Annotated[
        int | None,
        Field(
            ge=1,
            le=100_000,
            description="How many pools all of the tenant's namespaces may have together (1 to 100000); those that "
            f"hold keys count first, then the oldest. One that is refused and holds none does not count. {_STOPS}",
        ),
    ] = None
    keys: Annotated[
        int | None,
        Field(
            ge=1,
            le=1_000_000,
            description="How many keys, counted as the pools' sizes, all of the tenant's namespaces may have together "
            f"(1 to 1000000); the oldest pools count first. {_STOPS}",
        ),
    ] = None
    max_lifetime: Annotated[
        Duration | None, Field(description=f"The longest key.lifetime in force (5m to 8760h). {_STOPS}")
    ] = None
    scopes: Annotated[
        tuple[Scope, ...] | None,
        Field(
            min_length=1,
            max_length=32,
            description=f"The only scopes that key.scopes may hold; it must then be given. {_STOPS}",
            json_schema_extra=_SET,
        ),
    ] = None
    models: Annotated[
        tuple[Model, ...] | None,
        Field(
            min_length=1,
            max_length=64,
            description=f"The only models that key.models may hold; it must then be given. {_STOPS}",
            json_schema_extra=_SET,
        ),
    ] = None
    spend_limit: Annotated[SpendLimitRule, Field(description=f"What key.spendLimit has to be. {_STOPS}")] = (
        SpendLimitRule()
    )


class Tenant(ApiModel):
    """Some namespaces, and what their pools may ask of this provider."""

    name: Annotated[Name, Field(max_length=63, description="What messages call the tenant; unique. Changed in place.")]
    namespace_selector: Annotated[
        LabelSelector,
        Field(
            description="The tenant's namespaces, by their labels; {} is every namespace. A namespace that is no "
            "tenant's any more keeps its keys, which can be revoked; none is made or rotated. Changed in place."
        ),
    ]
    limits: Annotated[TenantLimits, Field(description=f"What the tenant may have. {_STOPS}")] = TenantLimits()
    identity: Annotated[
        TenantIdentity,
        Field(
            description="Whom the provider takes the tenant's keys for (default: as spec says). A change rotates them."
        ),
    ] = TenantIdentity()


class ClusterKeyProviderSpec(KeyProviderSpec):
    """An account that pools of several namespaces use. Its credential stands in the operator's own namespace."""

    tenants: Annotated[
        tuple[Tenant, ...],
        Field(
            max_length=64,
            description="Who may use it (up to 64): the first whose namespaceSelector selects a pool's namespace "
            "decides. None: nobody. Changed in place.",
            json_schema_extra=_ATOMIC,
        ),
    ] = ()

    @model_validator(mode="after")
    def _identities_fit(self) -> Self:
        for tenant in self.tenants:
            for field in tenant.identity.given():
                if self.kind not in IDENTITIES[field]:
                    raise ValueError(f"tenant {tenant.name}: identity.{field} is not known to {self.kind}")
        return self

    @property
    def tenanted(self) -> bool:
        """Always, also for keys of tenants that are gone."""
        return True

    @property
    def account(self) -> Self:
        """The same without tenants: what a client is made from, so that none is made anew when tenants change."""
        return self.model_copy(update={"tenants": ()})
