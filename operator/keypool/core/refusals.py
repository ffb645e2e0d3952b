"""What a pool asks for that its provider cannot do: refused by name, never ignored. Purely computational."""

from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.capabilities import Capabilities
from keypool.core.effective import spend_limit_of
from keypool.core.observation import Problem
from keypool.core.reasons import Reason


def unsupported(spec: ApiKeyPoolSpec, kind: str, known: Capabilities) -> Problem | None:
    """The fields that the provider cannot honour, None when it can do all. Nothing is made for such a pool; what is
    published stays."""
    provider = f"{'an' if kind[0] in 'aeiou' else 'a'} {kind} provider"
    if spec.keys_from is not None and known.creates_keys:
        text = f"spec.keysFrom: {provider} makes the keys itself; leave it out"
        return Problem(Reason.SPEC_INVALID, text)
    if spec.keys_from is None and not known.creates_keys:
        text = f"spec.keysFrom: {provider} has no key API; name the Secret that holds the values of your keys"
        return Problem(Reason.SPEC_INVALID, text)
    texts = []
    if lacking := _lacking(spec, known):
        fields = ", ".join(f"spec.{field}" for field, _ in lacking)
        few, them = ("y", "it") if len(lacking) == 1 else ("ies", "them")
        capabilities = f"the capabilit{few} {', '.join(capability for _, capability in lacking)}"
        texts.append(f"{fields}: {provider} lacks {capabilities}; leave {them} out, or use another provider")
    if spec.deletion_policy == "RevokeAndWait" and not known.deletes_keys:
        text = f"spec.deletionPolicy: {provider} lacks the capability deletesKeys for RevokeAndWait; use Revoke"
        texts.append(text)
    return Problem(Reason.UNSUPPORTED, "; ".join(texts)) if texts else None


def _lacking(spec: ApiKeyPoolSpec, known: Capabilities) -> list[tuple[str, str]]:
    """What is asked for and cannot be had: field and capability."""
    key, limit, some = spec.key, spend_limit_of(spec), known.sets_spend_limit or known.limits_group_spend
    shared, own = limit is not None and limit.shared, limit is not None and not limit.shared
    wanted = (
        (key.scopes, known.sets_scopes, "key.scopes", "setsScopes"),
        (key.rate_limit, known.sets_rate_limit, "key.rateLimit", "setsRateLimit"),
        (key.spend_limit, some, "key.spendLimit", "setsSpendLimit"),
        (shared and some, known.limits_group_spend, "key.spendLimit.scope", "limitsGroupSpend"),
        (own and some, known.sets_spend_limit, "key.spendLimit.scope", "setsSpendLimit"),
        (key.models, known.sets_models, "key.models", "setsModels"),
        (key.tags, known.sets_tags, "key.tags", "setsTags"),
        (key.metadata, known.sets_metadata, "key.metadata", "setsMetadata"),
    )
    return [(field, capability) for given, can, field, capability in wanted if given and not can]
