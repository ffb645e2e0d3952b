"""The audit log has one line for each key event, in order, and blocks nobody."""

import io
import json
import threading
from datetime import UTC, datetime

from keypool.serve.audit import AuditLog, KeyEvent


def event(number: int = 0, why: str = "the slot needs a key") -> KeyEvent:
    """A key was created."""
    return KeyEvent("created", "ns", "p", "uid", f"kp.ns.p.{number}", "0123456789ab", "acme", why)


def test_each_event_is_one_json_line_in_the_order_of_the_calls() -> None:
    stream = io.StringIO()
    log = AuditLog(stream, lambda: datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))
    for number in range(1000):
        log.record(event(number))
    log.close()
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["key"] for line in lines] == [f"kp.ns.p.{number}" for number in range(1000)]
    assert lines[0] == {
        "time": "2030-01-02T03:04:05.678Z",
        "audit": "key",
        "event": "created",
        "namespace": "ns",
        "pool": "p",
        "pool_uid": "uid",
        "key": "kp.ns.p.0",
        "fingerprint": "0123456789ab",
        "provider": "acme",
        "why": "the slot needs a key",
        "made_for": "",
        "outcome": "ok",
    }


def test_what_others_wrote_is_escaped_and_capped() -> None:
    stream = io.StringIO()
    log = AuditLog(stream)
    log.record(event(why='"}\n{"forged": 1}\x1b' + "x" * 9999))
    log.close()
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert len(stream.getvalue()) < 2000


class Stuck(io.StringIO):
    """A stream whose reader takes nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def write(self, text: str) -> int:
        """Block."""
        self.go_on.wait(5)
        return super().write(text)


def test_a_stuck_reader_does_not_block_the_caller_and_loses_nothing() -> None:
    stream = Stuck()
    log = AuditLog(stream)
    for number in range(100):
        log.record(event(number))
    assert stream.getvalue() == ""
    stream.go_on.set()
    log.close()
    assert len(stream.getvalue().splitlines()) == 100


def test_a_broken_stream_does_not_end_the_log() -> None:
    stream = io.StringIO()
    log = AuditLog(stream)
    stream.close()
    log.record(event())
    log.close()
