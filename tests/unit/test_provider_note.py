"""What `kubectl get keyprovider` shows beside Ready, and when a failover is told by an Event."""

from typing import Any, cast

import pytest

from keypool.core.breaker import State
from keypool.core.observation import Problem
from keypool.core.provider_situations import Standing
from keypool.core.reasons import Reason
from keypool.providers.fake import FakeProvider
from keypool.providers.protocol import EndpointSeen
from keypool.reconcile.provider_report import failover, report
from tests.unit.core.builders import NOW

MARK = {"C": State.CLOSED, "O": State.OPEN, "H": State.HALF_OPEN}
REFUSED = Problem(Reason.CREDENTIAL_REJECTED, "401")
LATE = Problem(Reason.SCHEDULE_EXCEEDS_BUDGET, "too many")


def provider(states: str, used: int | None) -> Any:
    """One with endpoints in these states, of which that one (from 1 on) is in use."""
    seen = tuple(
        EndpointSeen(f"https://{number}.example", MARK[state], number == used)
        for number, state in enumerate(states, start=1)
    )

    class Seen(FakeProvider):
        def endpoints(self) -> tuple[EndpointSeen, ...]:
            return seen

    return Seen(now=NOW)


def noted(standing: Standing, known: Any = None, schedule: Problem | None = None) -> Any:
    """The note in status."""
    obj = {"metadata": {"generation": 1}}
    return report(cast("Any", obj), standing, cast("Any", None), known, NOW, schedule).note


@pytest.mark.parametrize(
    ("states", "used", "note"),
    [
        ("C", 1, None),
        ("CC", None, None),
        ("CCC", 1, None),
        ("OC", 1, "1 of 2 endpoints fail"),
        ("OC", 2, "endpoint 2 of 2 in use"),
        ("HCC", 2, "endpoint 2 of 3 in use"),
        ("OOOOOOOC", 8, "endpoint 8 of 8 in use"),
    ],
)
def test_a_failover_shows_in_the_table(states: str, used: int | None, note: str | None) -> None:
    assert noted(Standing(), provider(states, used)) == note


def test_a_new_credential_that_is_refused_shows_in_the_table_while_the_one_before_is_in_use() -> None:
    assert noted(Standing(pending=REFUSED), provider("OC", 2)) == "CredentialRejected"
    assert noted(Standing(withheld=REFUSED)) == "CredentialRejected"
    assert noted(Standing(problem=REFUSED), provider("C", 1)) is None, "the reason of Ready says so"


def test_a_schedule_that_does_not_fit_shows_in_the_table() -> None:
    assert noted(Standing(), provider("C", 1), LATE) == "ScheduleExceedsBudget"


@pytest.mark.parametrize("reason", Reason)
def test_the_table_stays_narrow(reason: Reason) -> None:
    assert len(reason.value) <= 24


def test_each_failover_is_told_once_and_so_is_the_way_back() -> None:
    def before(note: str) -> Any:
        return {"status": {"note": note}}

    moved = failover(before(""), provider("OC", 2))
    assert moved is not None
    assert moved[0] == "Warning"
    assert "endpoint 2 of 2 (https://2.example) is used" in moved[1]
    assert failover(before("endpoint 2 of 2 in use"), provider("HC", 2)) is None
    assert failover(before("endpoint 2 of 3 in use"), provider("OOC", 3)) is not None
    back = failover(before("endpoint 2 of 2 in use"), provider("CC", 1))
    assert back == ("Normal", "the preferred endpoint (https://1.example) is used again")
    for other in (provider("CC", 1), provider("OC", None), None):
        assert failover(before(""), other) is None
    assert failover(before("endpoint 2 of 2 in use"), None) is None, "after a start nobody knows"
