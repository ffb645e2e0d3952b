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
