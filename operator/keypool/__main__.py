"""`python -m keypool`: one replica of the operator."""

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys

from pydantic import ValidationError

from keypool import __version__
from keypool.app import Replica
from keypool.cluster.connection import NoCluster
from keypool.cluster.lease import LeadershipLost
from keypool.serve.audit import AuditLog
from keypool.serve.logs import configure
from keypool.settings import Settings

_log = logging.getLogger("keypool")

YOUNG_OBJECTS = 50_000
"""New containers between two collections. Nearly all that a pass leaves behind is freed without the collector, and what
stays (pools, ledgers) is no garbage: at Python's own 700, looking for cycles took 9 % of the CPU time."""


async def serve(settings: Settings, audit: AuditLog) -> int:
    """Runs until SIGTERM or SIGINT; the exit code."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def take_signals() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)

    take_signals()
    try:
        await Replica(settings, audit).run(stop, take_signals)
    except LeadershipLost as lost:
        _log.error("ending: %s", lost)
        return 1
    except (NoCluster, OSError) as error:
        _log.error("cannot run: %s", error)
        return 1
    return 0


def main() -> int:
    """Reads the settings and runs."""
    parser = argparse.ArgumentParser(prog="keypool", description=__doc__, epilog=_environment())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="version", version=__version__)
    parser.parse_args()
    try:
        settings = Settings()
    except ValidationError as error:
        sys.stderr.write(f"keypool cannot start: {_in_words(error)}\n")
        return 2
    gc.freeze()  # the modules
    gc.set_threshold(YOUNG_OBJECTS, 10, 10)
    configure(settings.log_level)
    audit = AuditLog()
    try:
        return asyncio.run(serve(settings, audit))
    finally:
        audit.close()


def _in_words(error: ValidationError) -> str:
    """Which variable is wrong and why; never what it holds."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    names = ["".join(f"KEYPOOL_{part}: ".upper() for part in one["loc"]) for one in found]
    return "; ".join(name + one["msg"].removeprefix("Value error, ") for name, one in zip(names, found, strict=True))


def _environment() -> str:
    lines = [f"  KEYPOOL_{name.upper():<26} {field.description}" for name, field in Settings.model_fields.items()]
    return os.linesep.join(["environment:", *lines])


if __name__ == "__main__":
    sys.exit(main())
