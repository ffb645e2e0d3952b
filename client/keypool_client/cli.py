"""`keypool-client key`, `check` and `relay`. Exit codes: 0 as wanted, 1 something is wrong, 2 wrong usage."""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from keypool_client import __version__
from keypool_client.callable import NoKey, api_key
from keypool_client.check import check
from keypool_client.keys import FOLDER, VARIABLE, default_folder

WELL, WRONG, USAGE = 0, 1, 2
_FOLDER_HELP = f"the mounted Secret POOL-relay (default: the variable {VARIABLE}, else {FOLDER})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns its exit code."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["relay"]:
        return _relay(given[1:])
    asked = _parser().parse_args(given)
    folder: Path = asked.folder if asked.folder is not None else default_folder()
    return _key(folder) if asked.command == "key" else _check(folder, asked.timeout)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="keypool-client", description="The keys of a keypool pool.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    key = commands.add_parser("key", help="print a key, for tools that ask a command for it")
    check_ = commands.add_parser("check", help="try the folder, its endpoints, proxies and CAs; prints no value")
    for each in (key, check_):
        each.add_argument("--folder", type=Path, metavar="DIR", help=_FOLDER_HELP)
    check_.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for each endpoint, 0.1 to 300 (default 10)"
    )
    commands.add_parser("relay", help="run the relay, which needs the extra: pip install 'keypool-client[relay]'")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text[:20])
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 300:
        raise argparse.ArgumentTypeError("must be a number of seconds from 0.1 to 300")
    return seconds


def _key(folder: Path) -> int:
    try:
        value = api_key(folder)()
    except NoKey as error:
        sys.stderr.write(f"keypool-client: no key: {error}\n")
        return WRONG
    sys.stdout.write(f"{value}\n")
    return WELL


def _check(folder: Path, timeout: float) -> int:
    well = True
    for finding in check(folder, os.environ, timeout):
        well = well and finding.well
        sys.stdout.write(f"{'ok   ' if finding.well else 'WRONG'} {finding.text}\n")
        sys.stdout.flush()
    return WELL if well else WRONG


def _relay(arguments: Sequence[str]) -> int:
    """The relay's own command line; imported only here, because it needs more than the standard library."""
    try:
        relay = importlib.import_module("keypool_client.relay.main")
    except ImportError as error:
        sys.stderr.write(
            f"keypool-client: the relay needs the package {error.name}: pip install 'keypool-client[relay]'\n"
        )
        return USAGE
    return int(relay.main(arguments))
