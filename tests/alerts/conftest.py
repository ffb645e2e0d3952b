from pathlib import Path
import pytest
@pytest.fixture(scope="session")
def promtool() -> Path:
    return Path("/tmp/promgo/promtool")
