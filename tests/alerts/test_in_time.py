"""Each fault is told before its outage: when exactly stands in docs/alerts.md."""

from pathlib import Path

import pytest

from tests.alerts.faults import BEGINS, FAULTS, Fault, table
from tests.alerts.promtool import Rehearsal, run

PAGE = Path(__file__).parents[2] / "docs" / "alerts.md"


def test_each_fault_is_told_in_the_minute_that_the_page_says(promtool: Path, tmp_path: Path) -> None:
    """Not before it began, not a minute later, and by its own alert alone."""
    rehearsals = []
    for fault in FAULTS:
        told, rehearsal = BEGINS + fault.minutes, Rehearsal(fault.series(), step=1, name=fault.what)
        before = f'alertname!="{fault.told_before}"'
        rehearsal.never(before, (told - 1) / 60)
        rehearsal.fired(f'alertname="{fault.alert}"', 0, told / 60)
        rehearsal.never(f'alertname!="{fault.alert}",{before}', told / 60)
        rehearsals.append(rehearsal)
    assert run(rehearsals, promtool, tmp_path) == ""


@pytest.mark.parametrize("fault", [each for each in FAULTS if each.hours is not None], ids=lambda fault: fault.what)
def test_service_goes_on_when_a_fault_is_told(fault: Fault) -> None:
    assert fault.hours is not None
    assert fault.minutes / 60 < fault.hours


def test_a_revoked_admin_credential_is_told_within_ten_minutes() -> None:
    (fault,) = (each for each in FAULTS if each.alert == "KeypoolCredentialRejected")
    assert fault.minutes <= 10


def test_the_table_on_the_page_is_that_of_the_rehearsals() -> None:
    assert table() in PAGE.read_text(), f"put this into docs/alerts.md:\n{table()}"
