"""OpenRouter: its errors have a number for a code, in streams too."""

from keypool_client.policy.outcome import FailureClass
from keypool_client.policy.rows.row import Row

_PAGE = "from documentation: openrouter.ai/docs/api/reference/errors-and-debugging, 2026-11-29"
_QUOTED = "from documentation: openrouter.ai, as developersdigest.tech/errors/api/openrouter quotes it, 2026-11-29"
_KIND = ("openRouter",)

ROWS = (
    Row(
        "openrouter-no-credentials",
        FailureClass.UNKNOWN,
        "from issues: RooCodeInc/Roo-Code 2445 and 6459, read 2026-11-29; good keys got it for minutes",
        kinds=_KIND,
        statuses=(401,),
        words=("no auth credentials found",),
    ),
    Row(
        "openrouter-key-limit",
        FailureClass.EXHAUSTED,
        "from an issue: Aider-AI/aider 2143, read 2026-11-29",
        kinds=_KIND,
        statuses=(401,),
        words=("api key credit limit reached",),
    ),
    Row("openrouter-key", FailureClass.CREDENTIAL, _PAGE, kinds=_KIND, statuses=(401,)),
    Row(
        "openrouter-budget",
        FailureClass.EXHAUSTED,
        _QUOTED,
        kinds=_KIND,
        statuses=(402, 403),
        names=("openrouter_key_limit", "openrouter_workspace_budget", "openrouter_guardrail_budget"),
    ),
    Row(
        "openrouter-in-flight",
        FailureClass.RATE_LIMITED,
        _QUOTED,
        kinds=_KIND,
        statuses=(402,),
        names=("in_flight_budget_exhausted",),
    ),
    Row("openrouter-credit", FailureClass.EXHAUSTED, _PAGE, kinds=_KIND, statuses=(402,)),
)
