"""What alerts on the queue and on passes go by: who waits for how long, and what fails again and again."""

from keypool.serve.metrics import Metrics
from keypool.watch.queue import WorkQueue


class Clock:
    """Seconds as they are set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_the_queue_tells_how_long_a_key_has_waited_at_most() -> None:
    clock = Clock()
    queue = WorkQueue(clock=clock)
    assert queue.longest_wait() == 0
    queue.add("first")
    clock.now += 10
    queue.add("second")
    queue.add("first")
    clock.now += 5
    assert queue.longest_wait() == 15
    await queue.get()
    assert queue.longest_wait() == 5
    await queue.get()
    assert queue.longest_wait() == 0, "what runs does not wait"
    queue.close()


def failing(metrics: Metrics) -> dict[str, float | None]:
    """By kind."""
    kinds = ("pool", "provider")
    return {kind: metrics.registry.get_sample_value("keypool_passes_failing", {"kind": kind}) for kind in kinds}


def test_objects_count_as_failing_from_the_third_error_in_a_row_until_a_pass_goes_well() -> None:
    metrics = Metrics()
    assert failing(metrics) == {"pool": None, "provider": None}, "only the leader knows"
    metrics.failing.begin()
    for _ in range(2):
        metrics.failing.failed("pool", "a")
    assert failing(metrics) == {"pool": 0, "provider": 0}
    metrics.failing.failed("pool", "a")
    for _ in range(4):
        metrics.failing.failed("provider", "a")
        metrics.failing.failed("pool", "b")
    assert failing(metrics) == {"pool": 2, "provider": 1}
    metrics.failing.over("pool", "a")
    metrics.failing.over("pool", "never failed")
    assert failing(metrics) == {"pool": 1, "provider": 1}
    metrics.forget()
    assert failing(metrics) == {"pool": None, "provider": None}
