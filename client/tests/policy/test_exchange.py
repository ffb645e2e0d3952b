"""What comes after an attempt, and what is learnt from it."""

import pytest

from keypool_client.model import Dialect, Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.reports import Finding
from keypool_client.policy.steps import Hand, Refuse, Request, Send, Step, Wait, Why

ENDS = (Endpoint("0", {"openai": "http://a/v1"}), Endpoint("1", {"openai": "http://b/v1"}))


def _pool(*names: str, ends: int = 1, name: str = "team/chat", dialects: tuple[Dialect, ...] = ("openai",)) -> Pool:
    used = tuple(Endpoint(end.name, dict.fromkeys(dialects, end.bases["openai"])) for end in ENDS[:ends])
    keys = tuple(Key(key, f"value-{key}", tuple(end.name for end in used), key, key) for key in names)
    return Pool(name, "static", f"account of {name}", dialects, used, keys)


def _chooser(*pools: Pool) -> Chooser:
    chooser = Chooser(lambda: 0.0)
    chooser.update(pools, 0.0)
    return chooser


def _request(now: float = 0.0, *, stateless: bool = True, resendable: bool = True, safe: bool = False) -> Request:
    return Request("openai", "m", stateless, resendable, now + 50, safe)


def _begin(chooser: Chooser, now: float = 0.0, request: Request | None = None) -> tuple[Exchange, Step]:
    exchange = chooser.begin(request or _request(now), now)
    step = exchange.next(now)
    while isinstance(step, Wait):
        step = exchange.next(now)
    return exchange, step


def _end(exchange: Exchange, failure: FailureClass | None, now: float, began: float | None = None) -> Step:
    exchange.ended(Outcome(failure, now if began is None else began, 0.1), now)
    return exchange.next(now)


def _lost(now: float, *, fresh_needed: bool = False) -> Outcome:
    return Outcome(FailureClass.TRANSIENT, now, None, ambiguous=not fresh_needed, fresh_needed=fresh_needed)


def _key(step: Step) -> str:
    assert isinstance(step, Send)
    return step.key.id


def _findings(chooser: Chooser, now: float) -> set[tuple[str, str | None]]:
    return {(report.finding.value, report.key_id) for report in chooser.reports(now)}


def test_a_rejected_key_is_followed_by_the_next_one_at_once_and_reported() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    second = _end(exchange, FailureClass.CREDENTIAL, 0.1)
    assert {_key(first), _key(second)} == {"a", "b"}
    assert _end(exchange, None, 0.2) == Hand(Why.ANSWERED)
    assert _findings(chooser, 0.2) == {(Finding.CONDEMNED, _key(first))}


def test_when_every_key_was_rejected_the_answer_goes_on_as_it_came() -> None:
    exchange, _ = _begin(_chooser(_pool("a")))
    assert _end(exchange, FailureClass.CREDENTIAL, 0.1) == Hand(Why.NO_ALTERNATIVE)


def test_without_a_key_the_request_is_refused_and_told_when_to_come_back() -> None:
    assert _chooser(_pool()).begin(_request(), 0.0).next(0.0) == Refuse("keypool_no_usable_key", 5.0)
    assert _chooser().begin(_request(), 0.0).next(0.0) == Refuse("keypool_no_usable_key", 5.0)


def test_a_pool_of_another_dialect_refuses_the_request() -> None:
    refused = _chooser(_pool("a", dialects=("anthropic",))).begin(_request(), 0.0).next(0.0)
    assert isinstance(refused, Refuse)
    assert refused.code == "keypool_wrong_dialect"


def test_a_condemned_key_is_tried_after_30_seconds_then_1_2_4_5_and_5_minutes() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    dead = _key(first)
    _end(_finish(exchange, FailureClass.CREDENTIAL, 0.0), None, 0.0)
    pauses: list[float] = []
    now = last = 0.0
    while len(pauses) < 6:
        now += 1.0
        exchange, step = _begin(chooser, now)
        if _key(step) == dead:
            pauses.append(now - last)
            last = now
            exchange = _finish(exchange, FailureClass.CREDENTIAL, now)
        _end(exchange, None, now)
    assert pauses == [30, 60, 120, 240, 300, 300]


def _finish(exchange: Exchange, failure: FailureClass, now: float) -> Exchange:
    step = _end(exchange, failure, now)
    assert isinstance(step, Send)
    return exchange


def test_only_one_request_at_a_time_is_the_trial_and_a_success_brings_the_key_back() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    dead = _key(first)
    _end(_finish(exchange, FailureClass.CREDENTIAL, 0.0), None, 0.0)
    trial, step = _begin(chooser, 31.0)
    others = [_begin(chooser, 31.0)[1] for _ in range(5)]
    assert _key(step) == dead
    assert dead not in {_key(other) for other in others}
    trial.committed(32.0)
    assert _findings(chooser, 32.0) == set()


def test_a_trial_whose_client_went_away_is_followed_by_another_one() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    dead = _key(first)
    _end(_finish(exchange, FailureClass.CREDENTIAL, 0.0), None, 0.0)
    trial, step = _begin(chooser, 31.0)
    assert _key(step) == dead
    trial.abandoned(32.0)
    seen = []
    for now in (40.0, 63.0):
        exchange, step = _begin(chooser, now)
        seen.append(_key(step) == dead)
        _end(exchange, None, now)
    assert seen == [False, True]


def test_a_request_that_cannot_be_sent_again_is_no_trial() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    _end(_finish(exchange, FailureClass.CREDENTIAL, 0.0), None, 0.0)
    for request in (_request(31.0, resendable=False), _request(31.0, stateless=False), _request(31.0, safe=True)):
        assert _key(_begin(chooser, 31.0, request)[1]) != _key(first)


def test_a_success_that_began_before_the_verdict_does_not_end_it() -> None:
    chooser = _chooser(_pool("a"))
    early, _ = _begin(chooser, 0.0)
    late, _ = _begin(chooser, 1.0)
    _end(late, FailureClass.CREDENTIAL, 2.0, began=1.0)
    _end(early, None, 3.0, began=0.0)
    assert _findings(chooser, 3.0) == {(Finding.CONDEMNED, "a")}


def test_a_hundred_calls_that_are_refused_together_are_one_refusal() -> None:
    chooser = _chooser(_pool("a"))
    calls = [chooser.begin(_request(), 0.0) for _ in range(100)]
    for call in calls:
        call.next(0.0)
    for call in calls:
        call.ended(Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1), 0.2)
    assert chooser.view(0.2)[0].keys[0].returns_in == pytest.approx(0.5)


def test_three_keys_rejected_at_once_are_not_believed_and_a_success_restores_trust() -> None:
    chooser = _chooser(_pool("a", "b", "c", "d"))
    exchange, step = _begin(chooser)
    rejected = [_key(step)]
    for _ in range(3):
        step = _end(exchange, FailureClass.CREDENTIAL, 0.0)
        rejected.append(_key(step))
    condemned = {key for finding, key in _findings(chooser, 0.0) if finding == Finding.CONDEMNED}
    assert condemned == set(rejected[:2])
    assert (Finding.REJECTIONS, None) in _findings(chooser, 0.0)
    assert _end(exchange, None, 1.0, began=0.5) == Hand(Why.ANSWERED)
    assert (Finding.REJECTIONS, None) not in _findings(chooser, 1.0)


def test_five_failures_in_a_row_close_an_endpoint_for_a_minute_and_one_request_opens_it() -> None:
    chooser = _chooser(_pool("a", ends=2))
    for _ in range(5):
        exchange, step = _begin(chooser)
        assert isinstance(step, Send)
        assert step.endpoint.name == "0"
        moved = _end(exchange, FailureClass.TRANSIENT, 0.0)
        assert isinstance(moved, Send)
        assert moved.endpoint.name == "1"
        _end(exchange, None, 0.0)
    seen = []
    for now in (1.0, 59.0, 61.0, 61.0, 61.0):
        exchange, step = _begin(chooser, now)
        assert isinstance(step, Send)
        seen.append(step.endpoint.name)
        if now < 61:
            _end(exchange, None, now)
    assert seen == ["1", "1", "0", "1", "1"]


def test_without_another_endpoint_a_failure_is_repeated_once_after_a_pause() -> None:
    exchange, _ = _begin(_chooser(_pool("a")))
    pause = _end(exchange, FailureClass.TRANSIENT, 0.0)
    assert pause == Wait(0.5)
    assert isinstance(exchange.next(0.5), Send)
    assert _end(exchange, FailureClass.TRANSIENT, 0.5) == Hand(Why.NO_ALTERNATIVE)


def test_a_lost_connection_is_repeated_once_where_a_second_time_does_no_harm() -> None:
    cases = [(_request(), Send), (_request(stateless=False), Hand), (_request(safe=True), Hand)]
    cases.append((_request(resendable=False), Hand))
    for request, expected in cases:
        exchange, _ = _begin(_chooser(_pool("a", ends=2)), 0.0, request)
        exchange.ended(_lost(0.0), 1.0)
        assert isinstance(exchange.next(1.0), expected)
    exchange, _ = _begin(_chooser(_pool("a", "b", ends=2)))
    exchange.ended(_lost(0.0), 1.0)
    assert isinstance(exchange.next(1.0), Send)
    exchange.ended(_lost(1.0), 2.0)
    assert exchange.next(2.0) == Hand(Why.NOT_REPEATABLE)


def test_a_reused_connection_that_closed_is_replaced_by_a_fresh_one_and_counts_for_nothing() -> None:
    chooser = _chooser(_pool("a"))
    exchange, step = _begin(chooser)
    exchange.ended(_lost(0.0, fresh_needed=True), 0.1)
    again = exchange.next(0.1)
    assert isinstance(step, Send)
    assert again == Send(step.pool, step.key, step.endpoint, 1, fresh=True)
    assert chooser.view(0.1)[0].keys[0].error_rate == 0
    # The fresh one closes too: that is a lost connection.
    exchange.ended(_lost(0.1, fresh_needed=True), 0.2)
    assert isinstance(exchange.next(0.2), Wait)


def test_a_refusal_that_no_row_knows_is_tried_with_one_other_key_and_reported() -> None:
    chooser = _chooser(_pool("a", "b", "c"))
    exchange, first = _begin(chooser)
    assert _key(_end(exchange, FailureClass.UNKNOWN, 0.0)) != _key(first)
    assert _end(exchange, FailureClass.UNKNOWN, 0.0) == Hand(Why.FINAL)
    assert (Finding.DOUBTED, _key(first)) in _findings(chooser, 0.0)
    assert all(key.state == "ready" for key in chooser.view(0.0)[0].keys)


def test_only_a_call_without_state_falls_back_to_another_pool() -> None:
    chooser = _chooser(_pool("a"), _pool("z", name="team/spare"))
    exchange, _ = _begin(chooser)
    assert _key(_end(exchange, FailureClass.EXHAUSTED, 0.0)) == "z"
    assert _key(_begin(chooser, 1.0)[1]) == "z"
    exchange, step = _begin(chooser, 1.0, _request(1.0, stateless=False))
    assert _key(step) == "a"
    assert _end(exchange, FailureClass.EXHAUSTED, 1.0) == Hand(Why.NO_ALTERNATIVE)


def test_with_nothing_else_left_half_as_many_requests_are_under_way_and_none_is_held_for_long() -> None:
    chooser = _chooser(_pool("a"))
    calls = [chooser.begin(_request(), 0.0) for _ in range(20)]
    for call in calls:
        call.next(0.0)
    for call in calls[:10]:
        call.ended(Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1, 30.0), 0.1)
    exchange = chooser.begin(_request(0.1), 0.1)
    now, step = 0.1, exchange.next(0.1)
    while isinstance(step, Wait):
        now += step.seconds
        step = exchange.next(now)
    assert isinstance(step, Send)
    assert 1.0 <= now <= 1.3


def test_a_wait_that_the_client_would_not_sit_out_ends_with_the_answer_as_it_came() -> None:
    exchange, _ = _begin(_chooser(_pool("a")))
    exchange.ended(Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1, 60.0), 0.1)
    assert exchange.next(0.1) == Hand(Why.DEADLINE)


def test_repeats_stop_when_the_budget_is_spent() -> None:
    chooser = _chooser(_pool("a", "b"))
    steps = []
    for _ in range(20):
        exchange, _ = _begin(chooser)
        steps.append(_end(exchange, FailureClass.UNKNOWN, 0.0))
    assert steps.count(Hand(Why.BUDGET)) == 20 - 14
    chooser.begin(_request(30.0), 30.0)
    exchange, _ = _begin(chooser, 30.0)
    assert isinstance(_end(exchange, FailureClass.UNKNOWN, 30.0), Send)


def test_what_never_reached_a_provider_goes_elsewhere_although_the_budget_is_spent() -> None:
    """As when a server is killed under many requests: nobody gets any of them twice."""
    chooser = _chooser(_pool("a", "b", ends=2))
    for _ in range(20):
        exchange, _ = _begin(chooser)
        exchange.ended(Outcome(FailureClass.TRANSIENT, 0.0, None), 0.0)
        assert exchange.next(0.0) != Hand(Why.BUDGET)


def test_a_file_that_comes_again_changes_nothing_and_a_lost_key_is_used_no_more() -> None:
    chooser = _chooser(_pool("a", "b"))
    exchange, first = _begin(chooser)
    _end(_finish(exchange, FailureClass.CREDENTIAL, 0.0), None, 0.0)
    chooser.update([_pool("a", "b")], 1.0)
    assert _findings(chooser, 1.0) == {(Finding.CONDEMNED, _key(first))}
    chooser.update([_pool("c")], 2.0)
    assert _key(_begin(chooser, 2.0)[1]) == "c"
