"""What a provider cannot do is refused with the names of the field and of the capability, and what to do instead."""

import pytest

from keypool.core.capabilities import Capabilities
from keypool.core.reasons import Reason
from keypool.core.refusals import unsupported
from tests.unit.core.builders import a_spec


@pytest.mark.parametrize(("kind", "provider"), [("anyLLM", "an anyLLM provider"), ("static", "a static provider")])
def test_a_refusal_is_a_sentence(kind: str, provider: str) -> None:
    problem = unsupported(a_spec(key={"models": ["m"]}), kind, Capabilities())
    assert problem is not None
    assert problem.reason is Reason.UNSUPPORTED
    told = f"spec.key.models: {provider} lacks the capability setsModels; leave it out, or use another provider"
    assert problem.message == told


def test_all_that_a_provider_cannot_do_is_told_at_once() -> None:
    accounting = {"tags": ["t"], "metadata": {"example.com/a": "b"}}
    spec = a_spec(key={"models": ["m"], "scopes": ["s"], **accounting}, deletionPolicy="RevokeAndWait")
    problem = unsupported(spec, "static", Capabilities(deletes_keys=False))
    assert problem is not None
    assert problem.message == (
        "spec.key.scopes, spec.key.models, spec.key.tags, spec.key.metadata: a static provider lacks the capabilities "
        "setsScopes, setsModels, setsTags, setsMetadata; leave them out, or use another provider; spec.deletionPolicy: "
        "a static provider lacks the capability deletesKeys for RevokeAndWait; use Revoke"
    )


@pytest.mark.parametrize("scope", ["Key", "Pool"])
def test_a_spending_limit_that_is_not_to_be_had_at_all_is_named_once(scope: str) -> None:
    problem = unsupported(a_spec(key={"spendLimit": {"amount": "10", "scope": scope}}), "openAI", Capabilities())
    assert problem is not None
    assert problem.message.startswith("spec.key.spendLimit: an openAI provider lacks the capability setsSpendLimit;")
