"""HolySheep and the gateways that run in a cluster."""

from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.rows.row import Row

_HOLYSHEEP = "recorded from the simulator of this project, 2026-11-29; the words are those of the provider's manual"
_ANYLLM = "recorded from any-llm-gateway 1.14.0, 2026-11-29"

HOLYSHEEP = (
    Row(
        "holysheep-invalid",
        FailureClass.CREDENTIAL,
        _HOLYSHEEP,
        kinds=("holySheep",),
        statuses=(401,),
        words=("invalid api key",),
    ),
    Row(
        "holysheep-expired",
        FailureClass.CREDENTIAL,
        _HOLYSHEEP,
        kinds=("holySheep",),
        statuses=(401,),
        words=("key has expired",),
    ),
    Row(
        "holysheep-scope",
        FailureClass.FORBIDDEN,
        _HOLYSHEEP,
        kinds=("holySheep",),
        statuses=(403,),
        words=("the key lacks the scope",),
    ),
    Row(
        "holysheep-rate",
        FailureClass.RATE_LIMITED,
        _HOLYSHEEP,
        kinds=("holySheep",),
        statuses=(429,),
        words=("rate limit exceeded", "rpm limit reached"),
    ),
)

ANYLLM = (
    Row(
        "anyllm-key",
        FailureClass.CREDENTIAL,
        _ANYLLM,
        kinds=("anyLLM",),
        statuses=(401,),
        words=("invalid api key", "api key is inactive", "api key has expired"),
        begins=True,
    ),
    Row(
        "anyllm-budget",
        FailureClass.EXHAUSTED,
        _ANYLLM,
        kinds=("anyLLM",),
        statuses=(403,),
        words=("has exceeded budget limit",),
    ),
    Row(
        "anyllm-blocked",
        FailureClass.CREDENTIAL,
        _ANYLLM,
        kinds=("anyLLM",),
        statuses=(403,),
        words=("is blocked",),
    ),
)

_TYPES = "from source: LiteLLM 1.106.2, proxy/_types.py (ProxyErrorTypes), 2026-11-29"

LITELLM = (
    Row(
        "litellm-key",
        FailureClass.CREDENTIAL,
        _TYPES,
        kinds=("liteLLM",),
        statuses=(401,),
        names=("token_not_found_in_db", "expired_key"),
    ),
    Row(
        "litellm-blocked",
        FailureClass.CREDENTIAL,
        "from source: LiteLLM 1.106.2, proxy/auth, 2026-11-29",
        kinds=("liteLLM",),
        statuses=(401,),
        names=("auth_error",),
        words=("key is blocked",),
    ),
    Row(
        "litellm-upstream-key",
        FailureClass.TRANSIENT,
        "from source: LiteLLM 1.106.2, exceptions.py: the key of the gateway's own provider, 2026-11-29",
        kinds=("liteLLM",),
        statuses=(401,),
        words=("litellm.authenticationerror",),
        begins=True,
    ),
    Row("litellm-budget", FailureClass.EXHAUSTED, _TYPES, kinds=("liteLLM",), names=("budget_exceeded",)),
    Row(
        "litellm-model",
        FailureClass.FORBIDDEN,
        _TYPES,
        kinds=("liteLLM",),
        names=tuple(
            f"{who}_model_access_denied" for who in ("key", "team", "user", "customer", "org", "project", "agent")
        ),
    ),
)

ROWS = (*HOLYSHEEP, *ANYLLM, *LITELLM)
