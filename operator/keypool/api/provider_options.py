"""The kinds of provider, one field and one model of options each. The adapter is the module of `keypool.providers`
that has the field's name in lower case."""

from typing import Annotated, Any, Literal

from pydantic import Field

from keypool.api.forms import FORM, BaseUrl, Tag, UpstreamId
from keypool.api.model import ApiModel

Dialect = Literal["openai", "anthropic", "gemini", "azure"]
"""A format of requests."""

WebhookCapability = Literal[
    "setsExpiry",
    "changesLimits",
    "disablesKeys",
    "setsSpendLimit",
    "setsRateLimit",
    "limitsAccount",
    "setsScopes",
    "setsModels",
    "tellsLastUse",
    "tellsUsage",
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


class AnyLLM(ApiModel):
    """any-llm-gateway. The endpoint is the gateway's root; workloads get it with /v1."""


class LiteLLM(ApiModel):
    """LiteLLM proxy with a database. The endpoint is the proxy's root; workloads get it with /v1."""

    team: Annotated[
        UpstreamId | None,
        Field(description="The team whose budget and limits the keys draw on (default: none). Immutable."),
    ] = None
    tags: Annotated[
        tuple[Tag, ...] | None,
        Field(
            min_length=1,
            max_length=8,
            description="Tags that each key gets, each once, before those of its pool (default: none): for accounting, "
            "or where the proxy demands some. Tags may also decide which models and budgets the proxy uses. Changed in "
            "place: keys made from then on get them.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None


class OpenRouter(ApiModel):
    """OpenRouter's key API. The admin credential is a management key."""

    workspace: Annotated[
        UpstreamId | None,
        Field(description="The workspace that the keys are made in (default: the account's own). Immutable."),
    ] = None
    guardrail: Annotated[
        UpstreamId | None,
        Field(
            description="The guardrail that each new key gets before it is published (default: none). Changed in "
            "place: it holds for keys made from then on.",
        ),
    ] = None


class OpenAI(ApiModel):
    """OpenAI's project service accounts: one for each pool. The admin credential is an organization's admin key."""

    project: Annotated[UpstreamId, Field(description="The project that the keys belong to. Immutable.")]


class Static(ApiModel):
    """A provider without a key API: people, or external-secrets, put keys into the Secret that a pool's keysFrom
    names; keypool checks and publishes them."""

    preset: Annotated[
        Literal["OpenAICompatible", "DeepSeek"],
        Field(
            description="How a key is checked. OpenAICompatible (default): GET /models below the endpoint. DeepSeek: "
            "GET /user/balance. Changed in place.",
        ),
    ] = "OpenAICompatible"


class Webhook(ApiModel):
    """Any server that speaks keypool's own protocol, described in docs/providers/webhook.openapi.yaml. The endpoint is
    what stands before /keypool/v1."""

    capabilities: Annotated[
        tuple[WebhookCapability, ...],
        Field(
            max_length=10,
            description="What the server can do beyond making, listing, probing and deleting keys (default: nothing), "
            "by the names that status.capabilities shows; setsRateLimit where its limit counts for each key, "
            "limitsAccount where it counts for the account. A server that lacks one of these is refused. Changed in "
            "place.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = ()
    account: Annotated[
        UpstreamId | None,
        Field(
            description="The account that the server must name for the admin credential (default: any whose listing "
            "has the pools' keys). Immutable."
        ),
    ] = None
    base_url: Annotated[
        BaseUrl | None,
        Field(
            alias="baseURL",
            description="The URL at which workloads use the keys (default: the endpoint). Changed in place.",
        ),
    ] = None


class Plugin(ApiModel):
    """An adapter that is not keypool's own: a Python package in the operator's image."""

    adapter: Annotated[
        str,
        Field(
            min_length=1,
            max_length=63,
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
            json_schema_extra={FORM: "must be the name of an entry point, of letters, digits and . _ -"},
            description="Name of the adapter's entry point in the group keypool.providers. Immutable.",
        ),
    ]
    options: Annotated[
        dict[str, Annotated[str, Field(max_length=1024)]],
        Field(
            max_length=32,
            description="What the adapter reads, in its own words; no secrets. Changed in place.",
        ),
    ] = {}  # noqa: RUF012  # frozen like the model


def _kind(alias: str, what: str) -> Any:  # noqa: ANN401
    text = f"The provider is {what}. {{}} takes the defaults of its options, where none is required. Immutable."
    return Field(default=None, alias=alias, description=text)


class Kinds(ApiModel):
    """Exactly one is given."""

    holy_sheep: HolySheep | None = _kind("holySheep", "HolySheep AI")
    any_llm: AnyLLM | None = _kind("anyLLM", "an any-llm-gateway")
    lite_llm: LiteLLM | None = _kind("liteLLM", "a LiteLLM proxy")
    open_router: OpenRouter | None = _kind("openRouter", "OpenRouter")
    open_ai: OpenAI | None = _kind("openAI", "OpenAI")
    static: Static | None = _kind("static", "one without a key API")
    webhook: Webhook | None = _kind("webhook", "a server that speaks keypool's webhook protocol")
    plugin: Plugin | None = _kind("plugin", "one whose adapter is a package of others")


DEFAULT_ENDPOINTS = {
    "holySheep": "https://api.holysheep.ai/v1",
    "openRouter": "https://openrouter.ai/api/v1",
    "openAI": "https://api.openai.com/v1",
}
"""Of those that are at one place for everybody. It is part of what an object means: never change one."""
KINDS: tuple[str, ...] = tuple(str(field.alias) for field in Kinds.model_fields.values())
"""The fields as manifests write them, such as holySheep."""
