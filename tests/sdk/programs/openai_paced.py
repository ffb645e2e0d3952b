"""What runs in an injected pod: OpenAI's SDK as its README shows it, and nothing of keypool. Its own retries are off.

    python -c PROGRAM RATE SECONDS

begins RATE requests a second for so long, every fifth as a stream, and says once a second how they went. Where the
machine is too slow for the rate, they begin later; then `answered` tells what came of it.
"""

import json
import sys
import threading
import time
from collections import Counter

from openai import OpenAI

RATE, SECONDS = float(sys.argv[1]), float(sys.argv[2])
WORKERS, WORDS = 24, 300
client = OpenAI(max_retries=0)


def ask(said: str) -> str:
    """The reply."""
    messages = [{"role": "user", "content": said}]
    return client.chat.completions.create(model="deepseek-chat", messages=messages).choices[0].message.content


def stream(said: str) -> str:
    """The same in chunks."""
    messages = [{"role": "user", "content": said}]
    chunks = client.chat.completions.create(model="deepseek-chat", messages=messages, stream=True)
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def one(number: int) -> None:
    """One request: counted, and never made again."""
    said, began = f"request {number}", time.monotonic()
    try:
        reply = (stream if number % 5 == 0 else ask)(said)
        problem = "" if reply == f"You said: {said}" else f"another reply: {reply!r}"
    except Exception as error:
        problem = f"{type(error).__name__}: {error}"
    took = time.monotonic() - began
    with lock:
        counts["failed" if problem else "answered"] += 1
        milliseconds[int(took * 1000)] += 1
        if problem:
            why.append(f"after {began - start:.1f} s: {problem}"[:WORDS])


def work(first: int) -> None:
    """Each worker has every so manieth request."""
    for number in range(first, int(RATE * SECONDS), WORKERS):
        time.sleep(max(0.0, start + number / RATE - time.monotonic()))
        one(number)


def quantile(part: float) -> int:
    """Milliseconds in which this part of the requests was answered."""
    left = part * milliseconds.total()
    for took in sorted(milliseconds):
        left -= milliseconds[took]
        if left <= 0:
            return took
    return 0


counts, milliseconds = Counter(answered=0, failed=0), Counter()
why, lock, start = [], threading.Lock(), time.monotonic()
workers = [threading.Thread(target=work, args=(first,), daemon=True) for first in range(WORKERS)]
for worker in workers:
    worker.start()
while any(worker.is_alive() for worker in workers):
    time.sleep(1)
    with lock:
        told = {**counts, "why": why[:3], "seconds": round(time.monotonic() - start, 1)}
        told |= {"p50_ms": quantile(0.5), "p99_ms": quantile(0.99), "slowest_ms": max(milliseconds, default=0)}
    print(json.dumps(told), flush=True)
