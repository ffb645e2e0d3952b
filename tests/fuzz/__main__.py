"""`python -m tests.fuzz [SECONDS] [PARSER]`: fuzzes each parser so long, by coverage, with atheris where it is there.

A process of its own for each parser: a fuzzer ends the process. Without atheris, Hypothesis goes on with many more
examples than the suite has.
"""

import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec


def _fuzz(name: str, seconds: str) -> None:
    """Returns never: the fuzzer ends the process."""
    atheris = import_module("atheris")
    with atheris.instrument_imports(include=["keypool", "keypool_client"]):
        from tests.fuzz.parsers import all_parsers

        parser = all_parsers()[name]

    def one(data: bytes) -> None:
        try:
            parser.read(data)
        except parser.declared:
            return

    atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", "-max_len=4096", "-timeout=5", "-rss_limit_mb=512"], one)
    atheris.Fuzz()


def main(seconds: str = "5", name: str = "") -> int:
    """Exit code 1 where a parser raised what it does not declare."""
    if name:
        _fuzz(name, seconds)
    if find_spec("atheris") is None:
        sys.stderr.write("atheris is not installed here: Hypothesis alone, with more examples\n")
        tests = [sys.executable, "-m", "pytest", "-q", "tests/fuzz"]
        return subprocess.run(tests, check=False, env={**os.environ, "FUZZ_EXAMPLES": "2000"}).returncode
    from tests.fuzz.parsers import all_parsers

    failed = [name for name in all_parsers() if not _holds(name, seconds)]
    sys.stdout.write(f"{len(all_parsers()) - len(failed)} parsers held; failed: {', '.join(failed) or 'none'}\n")
    return 1 if failed else 0


def _holds(name: str, seconds: str) -> bool:
    command = [sys.executable, "-m", "tests.fuzz", seconds, name]
    run = subprocess.run(command, check=False, capture_output=True, text=True, errors="replace")
    last = next((line for line in reversed(run.stderr.splitlines()) if "exec/s" in line or "DONE" in line), "")
    sys.stdout.write(f"{'ok  ' if not run.returncode else 'FAIL'} {name} {last[:100]}\n")
    if run.returncode:
        sys.stdout.write(run.stderr[-3000:])
    return not run.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
