"""What workloads are told of a provider, by its kind. Purely computational."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from keypool.api.provider_options import Dialect
from keypool.core.observation import ProviderFacts
from keypool.core.relay import Per, Relay, shared


@dataclass(frozen=True, slots=True)
class _Kind:
    """What is known of a kind of provider. A limit counts as the account's only where the provider says so: keys that
    wrongly count as one would keep a request from a key that could answer it."""

    dialects: tuple[Dialect, ...] = ("openai",)
    anthropic: str = ""
    rate_per: Per = "key"
    credit_per: Per = "key"


_KINDS: Mapping[str, _Kind] = {
    # https://docs.litellm.ai/docs/anthropic_unified: the proxy has /v1/messages; limits are each key's
    "liteLLM": _Kind(("openai", "anthropic")),
    # https://openrouter.ai/docs/api-reference/limits: more keys do not change the limits; credits are the account's
    "openRouter": _Kind(rate_per="account", credit_per="account"),
    # https://platform.openai.com/docs/guides/rate-limits: limits are the organization's and the project's
    "openAI": _Kind(rate_per="account", credit_per="account"),
    # https://api-docs.deepseek.com/guides/anthropic_api; the balance is the account's: GET /user/balance
    "static/DeepSeek": _Kind(("openai", "anthropic"), anthropic="/anthropic", credit_per="account"),
}
_ROOT = re.compile(r"(?:/v1beta/openai|/openai/v1|/openai|/v1beta|/v1)$")
"""What stands between an endpoint's root and the paths of the openai dialect."""


@lru_cache(maxsize=1024)
def relay_of(provider: ProviderFacts) -> Relay:
    """What workloads are told of a provider. Pools of one provider share the value."""
    kind = _KINDS.get(f"{provider.kind}/{provider.preset}") or _KINDS.get(provider.kind, _Kind())
    dialects = provider.dialects or kind.dialects
    urls = dict.fromkeys(url.rstrip("/") for url in provider.base_urls or (provider.base_url,))
    return shared(
        Relay(
            kind=provider.kind,
            dialects=dialects,
            bases=tuple(tuple(_base(dialect, url, kind) for dialect in dialects) for url in urls),
            ca=provider.ca or None,
            rate_per="account" if provider.capabilities.limits_account else kind.rate_per,
            credit_per=kind.credit_per,
        )
    )


def _base(dialect: Dialect, url: str, kind: _Kind) -> str:
    """Of openai: what workloads have as base URL anyway. Of the others: what stands before their own paths, such as
    /v1/messages."""
    if dialect == "openai":
        return url
    root = _ROOT.sub("", url)
    return root + kind.anthropic if dialect == "anthropic" else root
