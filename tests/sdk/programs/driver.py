"""Asks again and again, two at a time in each way, until standard input ends; says of each request how it went."""

import itertools
import os
import sys
import threading
from collections.abc import Callable, Mapping

RETRIES = os.environ["RETRIES"]
"""`default`, or how many the SDK is to make."""


def run(ways: Mapping[str, Callable[[str], str]]) -> None:
    """`ways`: a name, and a function that says a text to the model and returns its reply."""
    ended = threading.Event()

    def work(name: str, worker: int, ask: Callable[[str], str]) -> None:
        for number in itertools.count():
            if ended.wait(0.02):
                return
            said = f"{RETRIES} {name} {worker} {number}"
            try:
                reply = ask(said)
                how = "ok" if reply == f"You said: {said}" else f"failed: {reply!r}"
            except Exception as error:
                how = f"failed: {type(error).__name__}: {error}"[:300]
            print(f"{name} {how}", flush=True)

    workers = [threading.Thread(target=work, args=(name, n, ask)) for name, ask in ways.items() for n in range(2)]
    for worker in workers:
        worker.start()
    sys.stdin.read()
    ended.set()
    for worker in workers:
        worker.join()
