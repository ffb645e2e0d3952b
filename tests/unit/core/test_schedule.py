"""A schedule that cannot fit the request budget is told beforehand, with the field to change."""

from keypool.api.provider_budget import RequestBudget
from keypool.core.capabilities import Capabilities
from keypool.core.reasons import Reason
from keypool.core.schedule import misfit, needs
from tests.unit.core.builders import a_spec

SPEC = a_spec(size=1, key={"lifetime": "720h"}, rotation={"every": "1h"}, health={"probeEvery": "1m"})
HOURLY = needs(SPEC, None)
"""A key that is probed 1,440 times a day and rotated a good 25 times, with four requests each."""


def test_probes_and_rotations_add_up_to_requests_a_day() -> None:
    assert HOURLY.probes == 1440
    assert 4 * 24 < HOURLY.rotations < 4 * 26


def test_short_lives_rotate_more_often_than_the_interval_says() -> None:
    short = needs(a_spec(size=1, key={"lifetime": "2h"}, rotation={"every": "24h"}), None)
    assert short.rotations > 4 * 12


def test_reading_usage_costs_as_many_requests_as_probes() -> None:
    told = needs(SPEC, Capabilities(tells_usage=True))
    assert told.probes == 2 * HOURLY.probes
    assert told.rotations > HOURLY.rotations


def test_reading_the_last_use_alone_costs_nothing_when_a_key_is_revoked() -> None:
    told = needs(SPEC, Capabilities(tells_last_use=True))
    assert (told.probes, told.rotations) == (2 * HOURLY.probes, HOURLY.rotations)


def test_a_suspended_pool_is_only_probed() -> None:
    assert needs(a_spec(suspend=True), None).rotations == 0


def test_what_fits_is_not_spoken_of() -> None:
    assert misfit([HOURLY], RequestBudget()) is None
    assert misfit([HOURLY], RequestBudget(per_minute=2, per_day=2000)) is None
    assert misfit([], RequestBudget(per_minute=1)) is None


def test_too_many_a_minute_names_what_is_needed_what_there_is_and_the_fields() -> None:
    problem = misfit([HOURLY] * 200, RequestBudget(per_minute=60))
    assert problem is not None
    assert problem.reason is Reason.SCHEDULE_EXCEEDS_BUDGET
    assert not problem.stalls
    for words in ("215 requests a minute", "200 of them for probes", "54 of the 60", "spec.requestBudget.perMinute"):
        assert words in problem.message
    assert "Raise it to 238 or more" in problem.message
    assert misfit([HOURLY] * 200, RequestBudget(per_minute=238)) is None
    assert misfit([HOURLY] * 200, RequestBudget(per_minute=237)) is not None


def test_too_many_a_day_is_told_as_well() -> None:
    problem = misfit([HOURLY], RequestBudget(per_minute=60, per_day=1000))
    assert problem is not None
    assert "1542 requests a day" in problem.message
    assert "spec.requestBudget.perDay" in problem.message
