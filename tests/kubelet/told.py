"""What a play told, for the tests that judge it."""

import sys
from typing import Any

import pytest

Facts = dict[str, Any]


def tell(text: str) -> None:
    """For who runs `make test-kubelet`."""
    sys.stdout.write(f"\n{text}\n")


def reached(facts: Facts, key: str) -> Any:
    """What the play noted; where it failed before, how."""
    if key not in facts:
        pytest.fail(f"the play failed at: {facts['step']}\n{facts.get('failed')}\n{facts.get('seen')}")
    return facts[key]


def side_car(pod: Facts) -> Facts:
    """How the relay's container fared."""
    (found,) = pod["status"]["initContainerStatuses"]
    return dict(found)
