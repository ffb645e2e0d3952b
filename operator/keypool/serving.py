"""One replica as a process: its signals, its log, its exit code."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Sequence

from keypool.app import Replica
from keypool.cluster.connection import NoCluster
from keypool.cluster.lease import LeadershipLost
from keypool.serve.audit import AuditLog
from keypool.serve.logs import configure
from keypool.settings import Settings
from keypool.tasks import end

YOUNG_OBJECTS = 50_000
"""New containers between two collections. Nearly all that a pass leaves behind is freed without the collector, and what
stays (pools, ledgers) is no garbage: at Python's own 700, looking for cycles took 9 % of the CPU time."""

LONGEST_STUCK = 10.0
"""Seconds for which the audit log may wait for its reader, where it is required."""

_log = logging.getLogger("keypool")


def run(settings: Settings, sockets: Sequence[socket.socket]) -> int:
    """Runs until SIGTERM or SIGINT; the exit code. `sockets` listen already."""
    gc.freeze()  # the modules
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    configure(settings.log_level)
    audit = AuditLog()
    try:
        return asyncio.run(_serve(settings, audit, sockets))
    finally:
        audit.close()


async def _serve(settings: Settings, audit: AuditLog, sockets: Sequence[socket.socket]) -> int:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    take_signals()
    watching: list[asyncio.Task[None]] = []
    try:
        if settings.audit_required:
            watching.append(await _insist(audit, stop))
        await Replica(settings, audit, sockets=sockets).run(stop, take_signals)
    except LeadershipLost as lost:
        _log.error("ending: %s", lost)
        return 1
    except (NoCluster, OSError) as error:
        _log.error("cannot run: %s", error)
        return 1
    finally:
        stuck = any(task.done() for task in watching)
        await end(*watching)
    if settings.audit_required and (audit.lost or stuck):
        _log.error("ending: the audit log cannot be written, and KEYPOOL_AUDIT_REQUIRED is set")
        return 1
    return 0


async def _insist(audit: AuditLog, stop: asyncio.Event) -> asyncio.Task[None]:
    """Nothing begins without the log, and what is under way comes to its end when it breaks, or is not read. Raises
    OSError."""
    loop = asyncio.get_running_loop()

    def broken(_: int) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(stop.set)

    audit.on_lost.append(broken)
    if not await asyncio.to_thread(audit.opens):
        raise OSError("the audit log cannot be written, and KEYPOOL_AUDIT_REQUIRED is set")
    return asyncio.create_task(_stop_when_stuck(audit, stop))


async def _stop_when_stuck(audit: AuditLog, stop: asyncio.Event) -> None:
    while True:
        await asyncio.sleep(LONGEST_STUCK / 10)
        if audit.behind() >= LONGEST_STUCK:
            _log.error("nobody takes the lines of the audit log")
            return stop.set()
