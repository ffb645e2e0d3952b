"""Fixtures for what a user runs."""

from collections.abc import Iterator

import pytest

from keypool_lab.binaries import Binaries
from tests.e2e.lab_commands import LabCommands, lab_commands


@pytest.fixture
def commands(binaries: Binaries) -> Iterator[LabCommands]:
    """The lab's commands; whatever was up is down afterwards."""
    with lab_commands() as found:
        yield found
