"""`KeyProvider`: an account at a provider, with its admin credential beside it in the same namespace."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from keypool.api.forms import BaseUrl
from keypool.api.model import ApiModel
from keypool.api.provider_auth import Auth, CaRef
from keypool.api.provider_budget import RequestBudget
from keypool.api.provider_options import DEFAULT_ENDPOINTS, KINDS, Dialect, Kinds


class Endpoint(ApiModel):
    """Where the provider answers."""

    url: Annotated[
        BaseUrl,
        Field(
            description="Base URL such as https://api.holysheep.ai/v1, without credentials, query or fragment. Plain "
            "http, and hosts at addresses that are not public, are refused unless the operator's administrator allows "
            "them. Immutable once the provider was reached: it defines the account.",
        ),
    ]


class KeyProviderSpec(Kinds):
    """An account: which kind of provider (exactly one), where, and with which credential. No change here rotates a
    key."""

    endpoints: Annotated[
        tuple[Endpoint, ...],
        Field(
            default_factory=tuple,
            min_length=1,
            max_length=8,
            description="Where the provider answers, in order of preference: 1 to 8 doors to the same account, each "
            "once. A call goes to the first that works; one that fails 5 times in a row is left alone for 60 s. "
            "Required, but for openAI, openRouter and holySheep, which have one of their own. Immutable once the "
            "provider took the credential there; until then a mistake is corrected in place.",
            json_schema_extra={"x-kubernetes-list-type": "atomic"},
        ),
    ]
    auth: Annotated[
        Auth | None,
        Field(
            description="The admin credential of the account. Required, but for a static provider, which has none. "
            "Changed in place.",
        ),
    ] = None
    ca_bundle: Annotated[
        str | None,
        Field(
            min_length=1,
            repr=False,  # it may be a private key, given by mistake
            description="Certificates of authorities in PEM (or its base64, as webhooks have it) that sign the "
            "certificates of the endpoints and of the token server: at most 50. They are trusted beside the public "
            "ones. Never a private key. Changed in place.",
            # Not the model's own bound: an object that was larger before goes on.
            json_schema_extra={"maxLength": 32_768},
        ),
    ] = None
    ca_secret_ref: Annotated[
        CaRef | None,
        Field(
            description="The same in a Secret in this namespace (for a ClusterKeyProvider: in the operator's), such as "
            "one that cert-manager keeps. Give at most one of the two. It is read again every minute; what is new is "
            "tried before what was there is given up. Changed in place.",
        ),
    ] = None
    exclusive_account: Annotated[
        bool,
        Field(
            description="True when nobody else, and nothing but this installation of keypool, makes keys in this "
            "account (default false). Then a key whose create answer was lost is found as the one that no ledger "
            "knows, and revoked: a key that anybody else made could be taken for it. Changed in place.",
        ),
    ] = False

    dialects: Annotated[
        tuple[Dialect, ...] | None,
        Field(
            min_length=1,
            max_length=4,
            description="The request formats that workloads may use with the keys, the preferred one first, each once: "
            "openai, anthropic, gemini, azure (default: openai; openai and anthropic for liteLLM and for DeepSeek's "
            "preset). The pools' Secrets NAME-relay tell them. Changed in place: no key rotates.",
            json_schema_extra={"x-kubernetes-list-type": "set"},
        ),
    ] = None

    request_budget: Annotated[
        RequestBudget | None,
        Field(
            description="How many requests keypool may send to the account, those of all pools together (default: any "
            "number). What matters most goes first. Changed in place.",
        ),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in_endpoints(cls, spec: Any) -> Any:  # noqa: ANN401 - whatever a manifest has
        """Not in the object itself: tools that compare it with a manifest would find a difference, for ever."""
        if not isinstance(spec, dict) or spec.get("endpoints") is not None:
            return spec
        url = next((url for kind, url in DEFAULT_ENDPOINTS.items() if spec.get(kind) is not None), None)
        return {**spec, "endpoints": [{"url": url}]} if url is not None else spec

    @model_validator(mode="after")
    def _exactly_one_kind(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError(f"exactly one of {', '.join(KINDS)} must be given")
        if (self.auth is None) != (self.static is not None):
            raise ValueError("auth must be given, except for a static provider, which has none")
        if not self.endpoints:
            raise ValueError(f"endpoints must be given: only {', '.join(DEFAULT_ENDPOINTS)} have one of their own")
        if self.ca_bundle is not None and self.ca_secret_ref is not None:
            raise ValueError("at most one of caBundle and caSecretRef may be given")
        if len({endpoint.url for endpoint in self.endpoints}) != len(self.endpoints):
            raise ValueError("each URL in endpoints must be given once")
        return self

    def _given(self) -> list[str]:
        return [name for name in Kinds.model_fields if getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        """The field that is given, as manifests write it, such as holySheep."""
        return str(Kinds.model_fields[self._given()[0]].alias)

    @property
    def preset(self) -> str:
        """Which one of a kind it is, where that has presets; "" elsewhere."""
        return self.static.preset if self.static is not None else ""

    @property
    def tenanted(self) -> bool:
        """Whether keys are made for tenants, whose identities may place them elsewhere than the options do."""
        return False

    @property
    def options(self) -> ApiModel:
        """The options of that kind."""
        options: ApiModel = getattr(self, self._given()[0])
        return options
