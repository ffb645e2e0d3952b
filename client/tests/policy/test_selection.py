"""Which of several keys serves: the least loaded one, and each of them now and then."""

import random
from collections import Counter

import pytest

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Request, Send, Wait

ENDS = (Endpoint("0", {"openai": "http://a/v1"}),)


def pool(size: int) -> Pool:
    """Keys with limits of their own."""
    names = (f"chat-{number}" for number in range(size))
    return Pool("team/chat", "static", "a", ("openai",), ENDS, tuple(Key(n, f"value-{n}", ("0",), n, n) for n in names))


def served(chooser: Chooser, requests: int, a_second: float, bad: str | None = None, taking: float = 0.0) -> list[str]:
    """The key of each request's first attempt. The bad one fails at once; `taking`: seconds of a good answer."""
    first: list[str] = []
    open_: list[tuple[float, Exchange, Outcome]] = []
    for number in range(requests):
        now = 100 + number / a_second
        for _, exchange, outcome in [entry for entry in open_ if entry[0] <= now]:
            exchange.ended(outcome, now)
        open_ = [entry for entry in open_ if entry[0] > now]
        exchange = chooser.begin(Request("openai", "m", True, True, now + 50), now)
        step = exchange.next(now)
        assert isinstance(step, Send)
        first.append(step.key.id)
        while isinstance(step, Send) and step.key.id == bad:
            exchange.ended(Outcome(FailureClass.TRANSIENT, now, 0.001), now)
            step = exchange.next(now)
            step = exchange.next(now + step.seconds) if isinstance(step, Wait) else step
        open_.append((now + taking, exchange, Outcome(None, now, 0.05)))
    return first


@pytest.mark.parametrize("a_second", [0.1, 1.0, 20.0, 1000.0])
@pytest.mark.parametrize("size", [2, 5])
def test_a_key_that_fails_at_once_gets_less_than_two_percent_of_the_requests_after_twenty(
    a_second: float, size: int
) -> None:
    chooser = Chooser(random.Random(1).random)
    chooser.update([pool(size)], 0.0)
    first = served(chooser, 3020, a_second, bad="chat-0")
    assert Counter(first[20:])["chat-0"] < 0.02 * 3000


def test_a_key_that_failed_is_tried_again_after_a_while() -> None:
    chooser = Chooser(random.Random(4).random)
    chooser.update([pool(2)], 0.0)
    assert Counter(served(chooser, 3000, 20.0, bad="chat-0")[20:])["chat-0"] > 0


@pytest.mark.parametrize("taking", [0.0, 0.5])
def test_two_equal_keys_get_forty_to_sixty_percent_each(taking: float) -> None:
    chooser = Chooser(random.Random(2).random)
    chooser.update([pool(2)], 0.0)
    counts = Counter(served(chooser, 2000, 50.0, taking=taking))
    assert all(800 <= counts[key] <= 1200 for key in ("chat-0", "chat-1"))


def test_a_new_key_is_not_flooded_and_a_busy_one_is_spared() -> None:
    chooser = Chooser(random.Random(3).random)
    chooser.update([pool(2)], 0.0)
    assert max(Counter(served(chooser, 100, 100.0, taking=5.0)).values()) <= 51


def test_a_slow_answer_never_looks_worse_than_a_failure_at_once() -> None:
    chooser = Chooser(lambda: 0.0)
    chooser.update([pool(2)], 0.0)
    now, seen = 100.0, []
    for _ in range(60):
        exchange = chooser.begin(Request("openai", "m", True, True, now + 500), now)
        step = exchange.next(now)
        assert isinstance(step, Send)
        seen.append(step.key.id)
        broken = step.key.id == "chat-0"
        exchange.ended(Outcome(FailureClass.TRANSIENT if broken else None, now, 0.001 if broken else 400.0), now)
        now += 1
    assert Counter(seen[-20:])["chat-1"] >= 19


def test_to_ask_for_the_next_step_while_an_attempt_is_under_way_is_an_error() -> None:
    chooser = Chooser(lambda: 0.0)
    chooser.update([pool(1)], 0.0)
    exchange = chooser.begin(Request("openai", "m", True, True, 50.0), 0.0)
    exchange.next(0.0)
    with pytest.raises(RuntimeError, match="has not ended"):
        exchange.next(0.1)


def test_nothing_that_is_shown_has_a_value() -> None:
    chooser = Chooser(lambda: 0.0)
    chooser.update([pool(2)], 0.0)
    exchange = chooser.begin(Request("openai", "m", True, True, 50.0), 0.0)
    step = exchange.next(0.0)
    exchange.ended(Outcome(FailureClass.CREDENTIAL, 0.0, 0.1), 0.0)
    shown = f"{step!r} {chooser.view(0.0)!r} {chooser.reports(0.0)!r} {chooser.pools!r} {exchange!r}"
    assert "value-" not in shown
