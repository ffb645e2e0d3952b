"""For how long a request may be tried: within what its SDK waits."""

import re
from collections.abc import Mapping

USUAL_SECONDS = 50.0
SHARE = 0.9
_NUMBER = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?")


def seconds(headers: Mapping[str, str]) -> float:
    """Seconds in which another attempt may begin: 90 % of the SDK's timeout, where it says one. It never limits an
    answer that is under way."""
    for name in ("x-stainless-read-timeout", "x-stainless-timeout"):
        told = headers.get(name)
        if told is not None and _NUMBER.fullmatch(told) and float(told) > 0:
            return SHARE * float(told)
    return USUAL_SECONDS
