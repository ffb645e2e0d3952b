"""docs/relay-urls.md says what the relay does."""

import re
from pathlib import Path

from keypool_client.wire.errors import STATUS, Code

PAGE = (Path(__file__).parents[2] / "docs" / "relay-urls.md").read_text()


def test_the_page_has_every_code_of_the_relays_own_errors_with_its_status() -> None:
    rows = dict(re.findall(r"^\| `(keypool_\w+)` \| (\S+) \|", PAGE, re.MULTILINE))
    del rows[Code.BROKEN_STREAM]  # an event, not an answer
    assert rows == {code.value: str(STATUS[code]) for code in STATUS if code is not Code.BROKEN_STREAM}
