"""Audit logs as keypool writes them."""

import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count

from keypool.core.audit.lines import KeyEvent, Line
from keypool.serve.audit import AuditLog

START = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def a_key(number: int = 0, event: str = "created") -> KeyEvent:
    """Something happened to a key."""
    return KeyEvent(event, "shop", "chat", "uid-1", f"kp.shop.chat.{number}", "0123456789ab", "provider-1", "a test")


def written(*terms: Iterable[Line], last_ends: bool = True) -> list[str]:
    """The lines of these leadership's, each of which began and ended, a second apart."""
    stream, seconds = io.StringIO(), count()
    log = AuditLog(stream, lambda: START + timedelta(seconds=next(seconds)))
    for number, lines in enumerate(terms, start=1):
        log.begin(f"replica-{number % 2}/{number}")
        for line in lines:
            log.record(line)
        log.end()
    log.close()
    texts = stream.getvalue().splitlines()
    return texts if last_ends else texts[:-1]


def a_log(keys: int = 5, **more: bool) -> list[str]:
    """One leadership's."""
    return written([a_key(number) for number in range(keys)], **more)


def forged(text: str, **fields: object) -> str:
    """The line with other content, and with the hash that fits it."""
    from keypool.core.audit.chain import digest

    told = json.loads(text) | fields
    return json.dumps(told | {"hash": digest(told)})
