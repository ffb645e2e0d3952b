"""What users of other gateways complain of, and what happens here. Each test is named after the complaint.

Not tested, because it cannot happen here:

- LiteLLM 40025, 35104, 31876, 42653, 13362 (state that is shared late, under two lifetimes, or lost with Redis): relays
  share nothing; each one judges by the answers that it sees, and a cool-down is one moment in its memory.
- LiteLLM 40169 (a queue that grows): there is no queue; a request waits by itself, and its deadline ends that.
- 9router 2429 (an action for each status): rows decide by body and status, and they are data.
- Bifrost 6886 (a conversation sticks to a dead key): there is no affinity to a key.
- LunaTranslator 1541 (many keys of one free account): keys of one account share their groups, and more of them do not
  raise a limit.
"""

import pytest

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.classify import classify
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Hand, Request, Send, Step, Wait, Why

ENDS = (Endpoint("0", {"openai": "http://a/v1"}),)


def _pool(*names: str, group: str | None = None, value: str = "value") -> Pool:
    keys = tuple(Key(name, f"{value}-{name}", ("0",), group or name, group or name) for name in names)
    return Pool("team/chat", "static", "account", ("openai",), ENDS, keys)


def _chooser(*names: str, group: str | None = None) -> Chooser:
    chooser = Chooser(lambda: 0.0)
    chooser.update([_pool(*names, group=group)], 0.0)
    return chooser


def _begin(chooser: Chooser, now: float, *, safe: bool = False, model: str = "m") -> tuple[Exchange, Step]:
    exchange = chooser.begin(Request("openai", model, True, True, now + 50, safe), now)
    return exchange, exchange.next(now)


def _fails(chooser: Chooser, now: float, failure: FailureClass, retry_after: float | None = None) -> Step:
    """One request fails like this; returns what comes after."""
    exchange, step = _begin(chooser, now)
    while isinstance(step, Wait):
        step = exchange.next(now)
    exchange.ended(Outcome(failure, now, 0.1, retry_after), now)
    return exchange.next(now)


def _state(chooser: Chooser, now: float) -> dict[str, str]:
    return {key.id: key.state for view in chooser.view(now) for key in view.keys}


def test_litellm_40130_a_second_cool_down_does_not_shorten_the_first() -> None:
    chooser = _chooser("a")
    _fails(chooser, 0.0, FailureClass.RATE_LIMITED, 30.0)
    _fails(chooser, 1.0, FailureClass.RATE_LIMITED, 1.0)
    assert chooser.view(1.0)[0].keys[0].returns_in == 29.0


def test_litellm_34836_a_key_with_one_500_after_the_other_leaves_the_rotation() -> None:
    chooser = _chooser("a", "b")
    seen = []
    for now in range(25):
        exchange, step = _begin(chooser, float(now))
        assert isinstance(step, Send)
        seen.append(step.key.id)
        exchange.ended(Outcome(FailureClass.TRANSIENT if step.key.id == "a" else None, float(now), 0.1), float(now))
    assert seen.count("a") == 1


def test_litellm_26389_one_rejected_key_sets_nothing_else_aside() -> None:
    chooser = _chooser("a", "b", "c")
    step = _fails(chooser, 0.0, FailureClass.CREDENTIAL)
    assert isinstance(step, Send)
    assert sorted(_state(chooser, 0.0).values()) == ["condemned", "ready", "ready"]


@pytest.mark.parametrize("failure", [FailureClass.RATE_LIMITED, FailureClass.CREDENTIAL, FailureClass.EXHAUSTED])
def test_orcarouter_lite_115_requests_go_on_when_every_key_is_set_aside(failure: FailureClass) -> None:
    chooser = _chooser("a", "b")
    for _ in range(3):
        _fails(chooser, 0.0, failure, 30.0)
    exchange, step = _begin(chooser, 1.0)
    while isinstance(step, Wait):
        step = exchange.next(1.0)
    assert isinstance(step, Send)


def test_aionui_2782_a_new_key_does_not_inherit_what_its_predecessor_was_charged_with() -> None:
    chooser = _chooser("a")
    _fails(chooser, 0.0, FailureClass.CREDENTIAL)
    assert _state(chooser, 1.0) == {"a": "condemned"}
    chooser.update([_pool("a", value="new")], 1.0)
    assert _state(chooser, 1.0) == {"a": "ready"}


def test_new_api_3537_a_rejected_key_is_tried_again() -> None:
    chooser = _chooser("a", "b")
    _fails(chooser, 0.0, FailureClass.CREDENTIAL)
    (dead,) = (key for key, state in _state(chooser, 0.0).items() if state == "condemned")
    seen = []
    for now in (10.0, 29.0, 31.0, 32.0):
        exchange, step = _begin(chooser, now)
        assert isinstance(step, Send)
        seen.append(step.key.id == dead)
        exchange.ended(Outcome(None, now, 0.1), now)
    assert seen[:3] == [False, False, True]
    assert _state(chooser, 32.0)[dead] == "ready"


def test_litellm_6957_a_stream_is_repeated_elsewhere_before_its_content_and_never_after_it() -> None:
    for committed, expected in ((False, Send), (True, Hand)):
        chooser = _chooser("a", "b")
        exchange, _ = _begin(chooser, 0.0)
        if committed:
            exchange.committed(0.1)
        exchange.ended(Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1), 0.2)
        assert isinstance(exchange.next(0.2), expected)


def test_litellm_19077_a_request_that_asks_for_no_repeat_of_what_was_perhaps_done_gets_none() -> None:
    exchange, _ = _begin(_chooser("a", "b"), 0.0, safe=True)
    exchange.ended(Outcome(FailureClass.TRANSIENT, 0.0, None, ambiguous=True), 1.0)
    assert exchange.next(1.0) == Hand(Why.NOT_REPEATABLE)


def test_pi_4991_a_spent_quota_is_handed_on_at_once_and_no_provider_makes_a_client_wait_for_hours() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "type": "insufficient_quota"}}'
    verdict = classify("openai", "openAI", 429, {"retry-after": "999999"}, body)
    assert (verdict.failure, verdict.retry_after) == (FailureClass.EXHAUSTED, 3600.0)
    chooser = _chooser("a", "b", group="account")
    assert _fails(chooser, 0.0, verdict.failure, verdict.retry_after) == Hand(Why.NO_ALTERNATIVE)
    assert _fails(_chooser("a"), 0.0, FailureClass.RATE_LIMITED, 3600.0) == Hand(Why.DEADLINE)


def test_omniroute_5239_a_402_is_spent_credit_and_no_dead_key() -> None:
    assert classify("openai", "static", 402, {}, b"").failure is FailureClass.EXHAUSTED


def test_llmgateway_2470_the_callers_own_mistake_changes_no_key() -> None:
    chooser = _chooser("a", "b")
    assert _fails(chooser, 0.0, FailureClass.CALLER) == Hand(Why.FINAL)
    assert set(_state(chooser, 0.0).values()) == {"ready"}
    assert all(key.error_rate == 0 for key in chooser.view(0.0)[0].keys)


def test_openclaw_28847_keys_of_one_project_cool_together_and_for_one_model() -> None:
    chooser = _chooser("a", "b", group="project")
    step = _fails(chooser, 0.0, FailureClass.RATE_LIMITED, 2.0)
    assert isinstance(step, Wait), "the other key of the project would be refused too"
    assert 2.0 <= step.seconds <= 2.2
    _, other = _begin(chooser, 0.1, model="another")
    assert isinstance(other, Send)
