"""What comes after a failed attempt."""

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Hand, Refuse, Request, Send, Why


def _pool(*names: str) -> Pool:
    keys = tuple(Key(name, f"value-of-{name}", ("0",), name, name) for name in names)
    return Pool("team/chat", "holySheep", "a", ("openai",), (Endpoint("0", {"openai": "http://x/v1"}),), keys)


def _chooser(*names: str) -> Chooser:
    chooser = Chooser(lambda: 0.0)
    chooser.update([_pool(*names)], 0.0)
    return chooser


REQUEST = Request("openai", "m", stateless=True, resendable=True, deadline=50.0)


def test_a_rejected_key_is_followed_by_the_next_one_at_once() -> None:
    exchange = _chooser("a", "b").begin(REQUEST, 0.0)
    first = exchange.next(0.0)
    exchange.ended(Outcome(FailureClass.CREDENTIAL, 0.0, 0.1), 0.1)
    second = exchange.next(0.1)
    assert isinstance(first, Send)
    assert isinstance(second, Send)
    assert {first.key.id, second.key.id} == {"a", "b"}


def test_when_every_key_was_rejected_the_answer_goes_on_as_it_came() -> None:
    exchange = _chooser("a").begin(REQUEST, 0.0)
    exchange.next(0.0)
    exchange.ended(Outcome(FailureClass.CREDENTIAL, 0.0, 0.1), 0.1)
    assert exchange.next(0.1) == Hand(Why.NO_ALTERNATIVE)


def test_without_a_key_the_request_is_refused() -> None:
    assert _chooser().begin(REQUEST, 0.0).next(0.0) == Refuse("keypool_no_usable_key", 5.0)
