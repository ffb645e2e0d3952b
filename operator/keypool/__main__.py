"""`python -m keypool`: one replica of the operator; `python -m keypool audit` reads its audit log."""

import argparse
import os
import sys

from keypool import __version__
from keypool.serve.sockets import listen
from keypool.settings import BadSettings, Settings, read


def main() -> int:
    """Reads the settings, listens, and then imports the rest and runs: a probe that comes early waits for its answer
    instead of being refused."""
    parser = argparse.ArgumentParser(prog="keypool", description=__doc__, epilog=_environment())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="version", version=__version__)
    parser.add_argument(
        "audit", nargs="?", choices=["audit"], help="verify, or ask, an audit log; audit --help tells more"
    )
    if sys.argv[1:2] == ["audit"]:
        from keypool.audit_command import main as audit  # noqa: PLC0415 - the operator does not need it

        return audit(sys.argv[2:])
    parser.parse_args()
    try:
        settings = read(os.environ)
    except BadSettings as bad:
        sys.stderr.write(f"keypool cannot start: {bad}\n")
        return 2
    try:
        sockets = listen(settings.http_host, settings.http_port)
    except OSError as error:
        sys.stderr.write(f"keypool cannot start: {settings.url}:{settings.http_port}: {error.strerror}\n")
        return 1
    from keypool.serving import run  # noqa: PLC0415 - takes a second, and several on a slow node

    return run(settings, sockets)


def _environment() -> str:
    lines = [f"  KEYPOOL_{name.upper():<26} {field.description}" for name, field in Settings.model_fields.items()]
    return os.linesep.join(["environment:", *lines])


if __name__ == "__main__":
    sys.exit(main())
