"""Fixtures for what a user runs."""

import signal
from collections.abc import Iterator

import pytest

from keypool_lab.binaries import Binaries
from tests.e2e.lab_commands import LabCommands, lab_commands

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Begun in the background by a shell: what the tests start would inherit that, and not hear Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def commands(binaries: Binaries) -> Iterator[LabCommands]:
    """The lab's commands; whatever was up is down afterwards."""
    with lab_commands() as found:
        yield found
