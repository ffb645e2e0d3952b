"""Prometheus' own rule tester."""

from pathlib import Path

import pytest

from keypool_lab.binaries import BinariesError, find_or_build_promtool


@pytest.fixture(scope="session")
def promtool() -> Path:
    """Its path; the test is skipped, and told why, where it can neither be found nor built."""
    try:
        return find_or_build_promtool()
    except BinariesError as error:
        pytest.skip(f"the alert rules were not tried out: {error}")
