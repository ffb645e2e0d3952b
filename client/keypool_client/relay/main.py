"""`keypool-client relay`: starts the parts, and ends them when no client needs them any more."""

import argparse
import asyncio
import gc
import logging
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path

from keypool_client.keys import default_folder
from keypool_client.relay.notes import FewLines
from keypool_client.relay.running import Running
from keypool_client.relay.settings import BadSettings, Settings, documented

USAGE = 2
RARELY = (20_000, 20, 20)
"""When the garbage collector looks: after so many new objects, and at older ones every twentieth time."""


def main(arguments: Sequence[str]) -> int:
    """Serves until SIGTERM or SIGINT; returns the exit code."""
    asked = _parser().parse_args(arguments)
    try:
        settings = Settings.read(os.environ)
    except BadSettings as error:
        sys.stderr.write(f"keypool-client relay: {error}\n")
        return USAGE
    _log(settings.log_level)
    return asyncio.run(_run(settings, asked.folder or default_folder()))


def _parser() -> argparse.ArgumentParser:
    told = "\n".join(f"  {name} ({default or 'empty'})\n      {doc}" for name, default, doc in documented())
    parser = argparse.ArgumentParser(
        prog="keypool-client relay",
        description="Takes requests of this pod's programs and sends them on with a key of the pool.",
        epilog=f"environment, with defaults:\n{told}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, metavar="DIR", help="the mounted Secret POOL-relay")
    return parser


class _NoTraceback(logging.Filter):
    """An exception's text may quote what was sent, so a library's log keeps its type alone."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info:
            kind = record.exc_info[0]
            record.exc_info, record.exc_text = None, None
            record.msg, record.args = f"{record.getMessage()[:200]} ({kind.__name__ if kind else '?'})", None
        return True


def _log(level: str) -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(FewLines("aiohttp"))
    handler.addFilter(_NoTraceback())
    logging.basicConfig(level=level, handlers=[handler])


async def _run(settings: Settings, folder: Path) -> int:
    signals = _Signals(asyncio.get_running_loop())
    async with AsyncExitStack() as stack:
        running = Running(settings, folder, random.random, os.environ)
        try:
            await stack.enter_async_context(running)
        except OSError as error:
            logging.error("cannot listen: %s", error.strerror or type(error).__name__)
            return 1
        _collect_rarely()
        await _until_drained(running, signals)
    return 0


def _collect_rarely() -> None:
    """Modules stay as long as the process does: to look through them again and again costs a good part of a request."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*RARELY)


class _Signals:
    """SIGTERM: ends when no client needs the relay; SIGINT, or a second SIGTERM: at once. Heard before anybody is told
    that the relay runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.drain, self.at_once = asyncio.Event(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, self._term)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)

    def _term(self) -> None:
        (self.at_once if self.drain.is_set() else self.drain).set()

    def _interrupt(self) -> None:
        self.drain.set()
        self.at_once.set()


async def _until_drained(running: Running, signals: _Signals) -> None:
    await signals.drain.wait()
    logging.info("ends when no request was open for a while")
    ending = asyncio.create_task(running.quiet())
    hurry = asyncio.create_task(signals.at_once.wait())
    await asyncio.wait({ending, hurry}, return_when=asyncio.FIRST_COMPLETED)
    for task in (ending, hurry):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
