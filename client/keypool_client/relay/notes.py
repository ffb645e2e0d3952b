"""Lines about failed attempts: one for each, unless there are so many that writing them would cost what they tell."""

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
