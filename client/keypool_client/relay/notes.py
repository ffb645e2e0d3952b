"""Lines about what fails: one for each, unless there are so many that writing them would cost what they tell."""

import logging

MOST = 20
"""Lines a second."""
log = logging.getLogger("keypool_client.relay")


class Notes:
    """Counts what it leaves out."""

    def __init__(self) -> None:
        self._second, self._written, self._left_out = 0, 0, 0

    def write(self, now: float, text: str) -> None:
        """A line, or one more that is left out."""
        if int(now) != self._second:
            self._second, self._written = int(now), 0
            if self._left_out:
                log.warning("%d more attempts failed; /metrics counts them", self._left_out)
                self._left_out = 0
        if self._written < MOST:
            self._written += 1
            log.warning("%s", text)
        else:
            self._left_out += 1


class FewLines(logging.Filter):
    """Of a library's lines about requests that are malformed, as many a second: a client may send any number."""

    def __init__(self, library: str) -> None:
        super().__init__()
        self._library, self._second, self._written = library, 0, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written."""
        if not record.name.startswith(self._library):
            return True
        if int(record.created) != self._second:
            self._second, self._written = int(record.created), 0
        self._written += 1
        return self._written <= MOST
