"""The audit log has one line for each key event, in order, and blocks nobody."""

import asyncio
import io
import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keypool import serving
from keypool.app import Replica
from keypool.core.audit.verify import verify
from keypool.serve import audit
from keypool.serve.audit import AuditLog, KeyEvent
from keypool.settings import Settings
from tests.waiting import within


def event(number: int = 0, why: str = "the slot needs a key") -> KeyEvent:
    """A key was created."""
    return KeyEvent("created", "ns", "p", "uid", f"kp.ns.p.{number}", "0123456789ab", "acme", why)


def test_each_event_is_one_json_line_in_the_order_of_the_calls() -> None:
    stream = io.StringIO()
    log = AuditLog(stream, lambda: datetime(2030, 1, 2, 3, 4, 5, 678000, tzinfo=UTC))
    for number in range(1000):
        log.record(event(number))
    log.close()
    began, *lines, ended = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (began["audit"], ended["audit"]) == ("began", "ended")
    assert [line["key"] for line in lines] == [f"kp.ns.p.{number}" for number in range(1000)]
    assert [line["seq"] for line in lines] == list(range(2, 1002))
    assert {name: lines[0][name] for name in lines[0] if name not in {"v", "epoch", "seq", "prev", "hash"}} == {
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
        "handle": "",
    }


def test_what_others_wrote_is_escaped_and_capped() -> None:
    stream = io.StringIO()
    log = AuditLog(stream)
    log.record(event(why='"}\n{"forged": 1}\x1b' + "x" * 9999))
    log.close()
    (line,) = [text for text in stream.getvalue().splitlines() if "forged" in text]
    assert stream.getvalue().count("\n") == 3
    assert "\x1b" not in line
    assert len(line) < 2000


class Stuck(io.StringIO):
    """A stream whose reader takes nothing until told to."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on, self.asked = threading.Event(), threading.Event()

    def write(self, text: str) -> int:
        """Block."""
        self.asked.set()
        self.go_on.wait(30)
        return super().write(text)


def test_a_stuck_reader_does_not_block_the_caller_and_loses_nothing() -> None:
    stream = Stuck()
    log = AuditLog(stream)
    for number in range(100):
        log.record(event(number))
    assert stream.getvalue() == ""
    stream.go_on.set()
    log.close()
    assert len(stream.getvalue().splitlines()) == 102


class Full(io.StringIO):
    """On a disk that is full, until somebody makes room."""

    full = True

    def write(self, text: str) -> int:
        """Refuse."""
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_broken_stream_does_not_end_the_log_and_what_is_lost_is_counted() -> None:
    stream, told = Full(), list[int]()
    log = AuditLog(stream)
    log.on_lost.append(told.append)
    for number in range(3):
        log.record(event(number))
    assert not log.opens()
    stream.full = False
    assert log.opens()
    log.record(event(4))
    log.close()
    assert log.lost == sum(told) >= 5, "the first line of the leadership, three events, and the one that opens"
    assert '"kp.ns.p.4"' in stream.getvalue()
    found = verify(stream.getvalue().splitlines())
    assert found.lost == log.lost
    assert all("could not be written" in str(finding) for finding in found.findings)


def test_the_metric_counts_them() -> None:
    log, settings = AuditLog(Full()), Settings(http_port=0)
    replica = Replica(settings, log)
    log.record(event())
    log.close()
    assert log.lost >= 3
    assert f"keypool_audit_lines_lost_total {log.lost}.0" in replica.metrics.text().decode()


def test_a_disk_that_stays_full_loses_no_count_of_what_was_lost() -> None:
    """Each failed write takes with it what it was to say of the one before."""
    stream = Full()
    log = AuditLog(stream)
    for number in range(3):
        log.record(event(number))
        assert not log.opens(), "so each is a write of its own"
    stream.full = False
    log.record(event(4))
    log.close()
    found = verify(stream.getvalue().splitlines())
    assert found.lost == log.lost
    assert [str(finding) for finding in found.findings if "could not be written" not in str(finding)] == []


class Filling(io.StringIO):
    """A disk that becomes full in the middle of a line, once."""

    half = 0

    def write(self, text: str) -> int:
        """A half of it, where that is asked for."""
        if self.half:
            super().write(text[: self.half])
            self.half = 0
            raise OSError(28, "No space left on device")
        return super().write(text)


def test_a_line_of_which_a_half_was_written_spoils_none_that_follows() -> None:
    stream = Filling()
    log = AuditLog(stream)
    log.record(event(1))
    assert log.opens()
    stream.half = 40
    log.record(event(2))
    assert not log.opens()
    log.record(event(3))
    log.close()
    found = verify(stream.getvalue().splitlines())
    assert found.lost == log.lost
    assert [each.what[:40] for each in found.findings if "is cut or damaged" not in each.what] == [
        f"{log.lost} lines before this one could not be written"[:40]
    ]


def test_a_line_that_cannot_be_told_costs_itself_alone() -> None:
    stream = io.StringIO()
    log = AuditLog(stream)
    log.record(event(1))
    odd: Any = object()
    log.record(odd)
    log.record(event(2))
    log.close()
    assert log.lost == 1
    found = verify(stream.getvalue().splitlines())
    assert (found.lost, len(found.findings)) == (1, 1)
    assert '"kp.ns.p.2"' in stream.getvalue()


def test_a_reader_that_takes_nothing_costs_no_memory_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_WAITING", 10)
    stream = Stuck()
    log = AuditLog(stream)
    log.record(event())
    assert stream.asked.wait(30)
    for number in range(49):
        log.record(event(number))
    assert log.lost >= 39
    stream.go_on.set()
    log.close()
    lines = [json.loads(text) for text in stream.getvalue().splitlines()]
    assert sum(line["audit"] == "key" for line in lines) == 50 - log.lost
    assert [line["lines"] for line in lines if line["audit"] == "lost"] == [log.lost]


async def test_a_stream_that_nobody_reads_is_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "LONGEST_STUCK", 0.05)
    stream, stop = Stuck(), asyncio.Event()
    log = AuditLog(stream)
    log.record(event())
    await within(serving._stop_when_stuck(log, stop), 10)
    assert stop.is_set()
    stream.go_on.set()
    await asyncio.to_thread(log.close)
    assert log.behind() == 0


def with_a_full_disk(tmp_path: Path, *, required: bool) -> "subprocess.CompletedProcess[str]":
    """A process whose standard output takes nothing. There is no cluster either: without the setting that ends it."""
    environment = {"KEYPOOL_HTTP_PORT": "0", "KEYPOOL_KUBECONFIG": str(tmp_path / "none")}
    environment["KEYPOOL_AUDIT_REQUIRED"] = str(required).lower()
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        argv = [sys.executable, "-m", "keypool"]
        return subprocess.run(
            argv, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
        )


@pytest.mark.parametrize("required", [True, False])
def test_where_the_log_is_required_nothing_begins_without_it(tmp_path: Path, *, required: bool) -> None:
    run = with_a_full_disk(tmp_path, required=required)
    assert run.returncode != 0
    assert ("the audit log cannot be written" in run.stderr) is required


async def test_where_the_log_is_required_the_process_ends_when_it_breaks(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Full()
    stream.full = False
    log = AuditLog(stream)

    class Working:
        """Works until it is told to stop."""

        def __init__(self, *_: object, **__: object) -> None:
            self.begun = asyncio.Event()

        async def run(self, stop: asyncio.Event, _: object) -> None:
            """And loses a line."""
            stream.full = True
            log.record(event())
            await within(stop.wait(), 10)

    monkeypatch.setattr(serving, "Replica", Working)
    assert await serving._serve(Settings(audit_required=True), log, ()) == 1
    log.close()
