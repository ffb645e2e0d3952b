"""OpenAI, Azure, DeepSeek, Anthropic, Gemini: known by dialect and words, whatever kind a provider is of."""

from keypool_client.model import Dialect
from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.rows.row import Row

_OPENAI_PAGE = "from documentation: developers.openai.com/api/docs/guides/error-codes, 2026-11-29"
_CLAUDE_PAGE = "from documentation: platform.claude.com/docs/en/api/errors, 2026-11-29"
_CLAUDE: tuple[Dialect, ...] = ("anthropic",)
_GEMINI_PAGE = "from documentation: ai.google.dev/gemini-api/docs/generate-content/api-errors, 2026-11-29"
_AZURE_PAGE = "from documentation: learn.microsoft.com/azure/foundry/openai/how-to/troubleshoot-errors, 2026-11-29"
_DEEPSEEK_PAGE = "from documentation: api-docs.deepseek.com/quick_start/error_codes, 2026-11-29"

OPENAI = (
    Row(
        "openai-key",
        FailureClass.CREDENTIAL,
        f"{_OPENAI_PAGE}; body in an issue: chatanywhere/GPT_API_free 62",
        dialects=("openai", "azure"),
        statuses=(401,),
        names=("invalid_api_key",),
    ),
    Row(
        "openai-organization",
        FailureClass.CALLER,
        f"{_OPENAI_PAGE}; bodies in issues: microsoft/foundry-dev-tools 262, abi/screenshot-to-code 9",
        dialects=("openai",),
        statuses=(401,),
        names=("mismatched_organization", "no_organization"),
    ),
    Row(
        "openai-scopes",
        FailureClass.FORBIDDEN,
        "from issues: continuedev/continue 10059, microsoft/PowerToys 32989, read 2026-11-29",
        dialects=("openai",),
        statuses=(401, 403),
        words=("missing scopes",),
    ),
    Row(
        "openai-quota",
        FailureClass.EXHAUSTED,
        f"{_OPENAI_PAGE}; body in an issue: OpenHands/OpenHands 998",
        dialects=("openai", "azure"),
        names=(
            "insufficient_quota",
            "credit_balance_exhausted",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
            "organization_usage_limit_exceeded",
        ),
    ),
    Row(
        "openai-rate",
        FailureClass.RATE_LIMITED,
        _OPENAI_PAGE,
        dialects=("openai", "azure"),
        names=("rate_limit_exceeded", "rate_limit_error"),
    ),
    Row(
        "openai-overloaded",
        FailureClass.TRANSIENT,
        _OPENAI_PAGE,
        dialects=("openai",),
        names=("server_is_overloaded", "service_unavailable_error", "server_error"),
    ),
)

AZURE = (
    Row(
        "azure-key",
        FailureClass.CREDENTIAL,
        f"{_AZURE_PAGE}; body in an issue: SciSharp/BotSharp 386",
        dialects=("azure", "openai"),
        statuses=(401,),
        words=("access denied due to invalid subscription key",),
        begins=True,
    ),
)

DEEPSEEK = (
    Row(
        "deepseek-key",
        FailureClass.CREDENTIAL,
        f"{_DEEPSEEK_PAGE}; body in an issue: deepseek-ai/DeepSeek-R1 82",
        dialects=("openai", "anthropic"),
        statuses=(401,),
        words=("authentication fails",),
        begins=True,
    ),
    Row(
        "deepseek-balance",
        FailureClass.EXHAUSTED,
        f"{_DEEPSEEK_PAGE}; body in an issue: 1Panel-dev/MaxKB 3797",
        dialects=("openai", "anthropic"),
        statuses=(402,),
        words=("insufficient balance",),
    ),
)

CLAUDE = (
    Row(
        "anthropic-cors",
        FailureClass.CALLER,
        _CLAUDE_PAGE,
        dialects=_CLAUDE,
        statuses=(401,),
        words=("cors requests are not allowed",),
        begins=True,
    ),
    Row(
        "anthropic-credit",
        FailureClass.EXHAUSTED,
        "from an issue: anthropics/claude-code 4207, read 2026-11-29",
        dialects=_CLAUDE,
        statuses=(400,),
        words=("credit balance is too low",),
    ),
    Row(
        "anthropic-spend-limit",
        FailureClass.EXHAUSTED,
        f"{_CLAUDE_PAGE}; body in an issue: anthropics/claude-code 38035",
        dialects=_CLAUDE,
        statuses=(400, 429),
        words=("you have reached your specified api usage limits",),
    ),
    Row(
        "anthropic-long-context",
        FailureClass.FORBIDDEN,
        "from issues: anthropics/claude-code 29584 and 64982, read 2026-11-29; only long requests get it",
        dialects=_CLAUDE,
        statuses=(429,),
        words=("required for long context requests",),
    ),
    Row("anthropic-key", FailureClass.CREDENTIAL, _CLAUDE_PAGE, dialects=_CLAUDE, names=("authentication_error",)),
    Row("anthropic-billing", FailureClass.EXHAUSTED, _CLAUDE_PAGE, dialects=_CLAUDE, names=("billing_error",)),
    Row("anthropic-rate", FailureClass.RATE_LIMITED, _CLAUDE_PAGE, dialects=_CLAUDE, names=("rate_limit_error",)),
    Row("anthropic-permission", FailureClass.FORBIDDEN, _CLAUDE_PAGE, dialects=_CLAUDE, names=("permission_error",)),
    Row(
        "anthropic-transient",
        FailureClass.TRANSIENT,
        _CLAUDE_PAGE,
        dialects=_CLAUDE,
        names=("overloaded_error", "api_error", "timeout_error"),
    ),
    Row(
        "anthropic-request",
        FailureClass.CALLER,
        _CLAUDE_PAGE,
        dialects=_CLAUDE,
        names=("invalid_request_error", "not_found_error", "request_too_large", "conflict_error"),
    ),
)

GEMINI = (
    Row(
        "gemini-key",
        FailureClass.CREDENTIAL,
        f"{_GEMINI_PAGE}: the page's own example",
        dialects=("gemini", "openai"),
        statuses=(400, 401),
        names=("API_KEY_INVALID",),
    ),
    Row(
        "gemini-leaked",
        FailureClass.CREDENTIAL,
        "from issues: continuedev/continue 10513 and 11541, read 2026-11-29",
        dialects=("gemini", "openai"),
        statuses=(403,),
        words=("api key was reported as leaked",),
    ),
    Row(
        "gemini-suspended",
        FailureClass.CREDENTIAL,
        "from issues: coaidev/coai 67 (suspended), poenl/gemini-api 8 (denied access), read 2026-11-29",
        dialects=("gemini", "openai"),
        statuses=(403,),
        words=("has been suspended", "your project has been denied access"),
    ),
    Row(
        "gemini-region",
        FailureClass.FORBIDDEN,
        _GEMINI_PAGE,
        dialects=("gemini",),
        statuses=(400,),
        names=("FAILED_PRECONDITION",),
    ),
    Row(
        "gemini-rate",
        FailureClass.RATE_LIMITED,
        _GEMINI_PAGE,
        dialects=("gemini",),
        statuses=(429,),
        names=("RESOURCE_EXHAUSTED",),
    ),
    Row(
        "gemini-transient",
        FailureClass.TRANSIENT,
        _GEMINI_PAGE,
        dialects=("gemini",),
        names=("UNAVAILABLE", "INTERNAL", "DEADLINE_EXCEEDED"),
    ),
)

ROWS = (*DEEPSEEK, *AZURE, *OPENAI, *CLAUDE, *GEMINI)
