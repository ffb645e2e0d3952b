"""What is told of a provider while it is looked at."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.reconcile.directory import UNCHECKED
from keypool.reconcile.provider_standing import unasked
from tests.unit.core.builders import NOW


def told(made: timedelta, known: Problem | None = UNCHECKED) -> str | None:
    """Of an object that was made so long after the operator started, while a first answer is awaited."""
    world: Any = SimpleNamespace(directory=SimpleNamespace(problem=lambda _: known), started_at=NOW)
    meta = {"uid": "provider-1", "creationTimestamp": f"{NOW + made:%Y-%m-%dT%H:%M:%SZ}"}
    standing = unasked(world, {"metadata": meta})
    return standing.problem.message if standing is not None and standing.problem is not None else None


def test_what_was_said_before_a_restart_does_not_stand_while_nobody_asked() -> None:
    assert told(timedelta(hours=-1)) == f"not asked since the restart at {NOW:%Y-%m-%d %H:%M:%SZ}"


def test_no_restart_is_told_of_an_object_that_is_younger() -> None:
    assert told(timedelta(hours=1)) == "it is asked for the first time"


@pytest.mark.parametrize(
    "known", [None, Problem(Reason.CREDENTIAL_REJECTED, "no"), Problem(Reason.ACCOUNT_CHANGED, "")]
)
def test_what_was_seen_since_stands_while_a_later_look_takes_long(known: Problem | None) -> None:
    assert told(timedelta(hours=-1), known) is None
