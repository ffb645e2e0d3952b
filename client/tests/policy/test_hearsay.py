"""What siblings concluded: it steers, it never condemns, and the order in which it comes does not matter."""

import itertools
from dataclasses import replace
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser
from keypool_client.policy.front import Without
from keypool_client.policy.hearsay import MOST_RATES, Claim
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.steps import Hand, Request, Send, Wait, Why
from keypool_client.policy.verdicts import LONGEST_SECONDS, About, Verdict

NOW = 1000.0
ENDS = (Endpoint("0", {"openai": "http://a/v1"}),)


def pool(size: int = 2, name: str = "team/chat", *, shared: bool = False) -> Pool:
    keys = (f"{name}-{number}" for number in range(size))
    group = {"rate_group": "all", "credit_group": "all"}
    made = (
        Key(key, f"value-{key}", ("0",), **(group if shared else {"rate_group": key, "credit_group": key}))
        for key in keys
    )
    return Pool(name, "static", "acc", ("openai",), ENDS, tuple(made))


def verdict(name: str, about: About = About.KEY, **more: Any) -> Verdict:
    return replace(Verdict(about, "team/chat", "acc", name, "", NOW - 1, NOW + 60), **more)


class Relay:
    """A chooser, what it told, and requests that end at once."""

    def __init__(self, *pools: Pool) -> None:
        self.told: list[Verdict] = []
        self.chooser = Chooser(lambda: 0.0, self.told.append)
        self.chooser.update(pools or (pool(),), NOW)

    def states(self, now: float = NOW) -> dict[str, str]:
        return {key.id: key.state for view in self.chooser.view(now) for key in view.keys}

    def request(self, dead: dict[str, Outcome], now: float = NOW, model: str | None = "m") -> tuple[list[str], Why]:
        """The keys that it went to, and how it ended."""
        exchange = self.chooser.begin(Request("openai", model, True, True, now + 50), now)
        used: list[str] = []
        while not isinstance(step := exchange.next(now), Hand):
            if isinstance(step, Wait):
                now += step.seconds
                continue
            assert isinstance(step, Send)
            used.append(step.key.id)
            exchange.ended(replace(dead.get(step.key.id, Outcome(None, now, 0.1)), began=now), now)
        return used, step.why


REJECTED = Outcome(FailureClass.CREDENTIAL, 0.0, 0.1)
SPENT = Outcome(FailureClass.EXHAUSTED, 0.0, 0.1, retry_after=90.0)
LIMITED = Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1, retry_after=20.0)


@pytest.mark.parametrize(
    ("ending", "about", "model", "seconds"),
    [
        (REJECTED, About.KEY, "", 35.0),
        (SPENT, About.CREDIT, "", 90.0),
        (LIMITED, About.RATE, "m", 20.0),
        (replace(SPENT, retry_after=3600.0), About.CREDIT, "", LONGEST_SECONDS),
    ],
)
def test_what_one_relay_concludes_its_sibling_avoids_without_a_call(
    ending: Outcome, about: About, model: str, seconds: float
) -> None:
    one, two = Relay(), Relay()
    dead = one.request({"team/chat-0": ending})[0][0]
    assert one.told == [Verdict(about, "team/chat", "acc", dead, model, NOW, NOW + seconds)]
    assert two.chooser.merge(one.told[0], NOW)
    assert two.states() == {dead: "avoided", "team/chat-1": "ready"}
    assert [two.request({})[0] for _ in range(20)] == [["team/chat-1"]] * 20
    assert two.chooser.reports(NOW) == (), "hearsay was reported as a finding of this relay's own"


def test_what_was_heard_is_not_told_on() -> None:
    """Else it would go round for ever."""
    relay = Relay()
    relay.chooser.merge(verdict("team/chat-0"), NOW)
    relay.request({})
    assert relay.told == []


def test_a_rate_limit_is_avoided_for_its_model_alone() -> None:
    relay = Relay()
    relay.chooser.merge(verdict("team/chat-0", About.RATE, model="m"), NOW)
    assert {relay.request({}, model="m")[0][0] for _ in range(20)} == {"team/chat-1"}
    assert relay.request({}, model="n")[0] == ["team/chat-0"]


def test_a_name_of_a_model_that_looks_like_none_is_not_told() -> None:
    """It comes from a client, who may have written anything into it."""
    relay = Relay()
    relay.request({"team/chat-0": LIMITED}, model="my secret is 12345")
    assert relay.told == []


def test_only_time_and_a_success_that_began_after_the_verdict_end_it() -> None:
    relay = Relay(pool(1))
    relay.chooser.merge(verdict("team/chat-0"), NOW)
    exchange = relay.chooser.begin(Request("openai", "m", True, True, NOW + 50), NOW - 2)
    exchange.next(NOW - 2)
    exchange.ended(Outcome(None, NOW - 2, 0.1), NOW)
    assert relay.states() == {"team/chat-0": "avoided"}, "a call that began before the verdict ended it"
    assert relay.states(NOW + 60) == {"team/chat-0": "ready"}
    relay.request({})
    assert relay.states() == {"team/chat-0": "ready"}
    relay.chooser.merge(verdict("team/chat-0", until=NOW + 300), NOW)
    assert relay.states() == {"team/chat-0": "ready"}, "what a success had ended came back with the next reading"
    relay.chooser.merge(verdict("team/chat-0", since=NOW + 0.5), NOW + 1)
    assert relay.states(NOW + 1) == {"team/chat-0": "avoided"}


def test_a_success_before_the_verdict_is_heard_counts_as_well() -> None:
    relay = Relay(pool(1))
    relay.request({})
    relay.chooser.merge(verdict("team/chat-0", since=NOW - 5), NOW)
    relay.chooser.merge(verdict("team/chat-0", About.CREDIT, since=NOW - 5), NOW)
    assert relay.states() == {"team/chat-0": "ready"}


@pytest.mark.parametrize(
    "wrong",
    [
        verdict("team/chat-9"),
        verdict("team/chat-0", pool="team/other"),
        verdict("team/chat-0", account="another"),
        verdict("nobody", About.CREDIT),
        verdict("nobody", About.RATE),
        verdict("team/chat-0", until=NOW + LONGEST_SECONDS + 1),
        verdict("team/chat-0", until=inf),
        verdict("team/chat-0", About.RATE, model="no model\n"),
    ],
)
def test_what_is_about_nothing_that_is_known_or_lasts_too_long_counts_for_nothing(wrong: Verdict) -> None:
    relay = Relay()
    assert not relay.chooser.merge(wrong, NOW)
    assert set(relay.states().values()) == {"ready"}


def test_verdicts_about_any_number_of_models_fill_nothing() -> None:
    relay = Relay()
    taken = [relay.chooser.merge(verdict("team/chat-0", About.RATE, model=f"m{n}"), NOW) for n in range(1000)]
    assert sum(taken) == MOST_RATES
    assert relay.chooser.merge(verdict("team/chat-0", About.RATE, model="x", until=NOW + 90), NOW + 61), "no room again"


def test_a_key_that_left_the_file_takes_its_verdict_along() -> None:
    relay = Relay()
    relay.chooser.merge(verdict("team/chat-0"), NOW)
    relay.chooser.update([pool(3, "team/other")], NOW)
    relay.chooser.update([pool()], NOW)
    assert set(relay.states().values()) == {"ready"}


NAMES = [f"team/chat-{number}" for number in range(4)]
VERDICTS = st.builds(
    Verdict,
    about=st.sampled_from(About),
    pool=st.just("team/chat"),
    account=st.just("acc"),
    name=st.sampled_from([*NAMES, "all"]),
    model=st.sampled_from(["", "m"]),
    since=st.floats(NOW - 100, NOW),
    until=st.floats(NOW - 100, NOW + 900),
)


def avoided(relay: Relay) -> list[dict[str, float | None]]:
    return [{key.id: key.returns_in for key in relay.chooser.view(at)[0].keys} for at in (NOW, NOW + 50, NOW + 500)]


@given(st.lists(VERDICTS, max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_in_whatever_order_and_how_often_verdicts_come_they_come_to_the_same(
    verdicts: list[Verdict], chance: Any, shared: bool
) -> None:
    one, two = Relay(pool(4, shared=shared)), Relay(pool(4, shared=shared))
    for each in verdicts:
        one.chooser.merge(each, NOW)
    twice = verdicts * 2
    chance.shuffle(twice)
    for each in twice:
        two.chooser.merge(each, NOW)
    assert avoided(one) == avoided(two)


CLAIMS = st.builds(Claim, st.integers(0, 9), st.integers(0, 9), st.one_of(st.just(-inf), st.integers(0, 9)))


@given(CLAIMS, CLAIMS)
def test_two_claims_come_to_the_same_either_way_and_twice_is_once(one: Claim, other: Claim) -> None:
    both = one.joined(other)
    assert both == other.joined(one)
    assert both.joined(one) == both.joined(other) == both == both.joined(both)


@given(st.lists(VERDICTS, min_size=1, max_size=6))
def test_another_verdict_never_shortens_what_was_heard_nor_what_is_known(verdicts: list[Verdict]) -> None:
    """A second cool-down that shortens the first."""
    relay = Relay(pool(4))
    relay.request({"team/chat-0": replace(SPENT, retry_after=30.0)})
    before = avoided(relay)
    for each in verdicts:
        relay.chooser.merge(each, NOW)
        after = avoided(relay)
        for then, now in zip(before, after, strict=True):
            assert all((then[key] or 0.0) <= (now[key] or 0.0) + 1e-6 for key in then)
        before = after


ENDINGS = st.sampled_from([REJECTED, SPENT, LIMITED, Outcome(FailureClass.TRANSIENT, 0.0, None)])


@given(st.lists(VERDICTS, max_size=12), st.dictionaries(st.sampled_from(NAMES), st.sampled_from([REJECTED, LIMITED])))
def test_a_request_that_some_key_can_answer_is_answered_whatever_was_heard(
    verdicts: list[Verdict], dead: dict[str, Outcome]
) -> None:
    """A request has four attempts, and there are four keys."""
    relay = Relay(pool(4))
    for each in verdicts:
        relay.chooser.merge(each, NOW)
    alone, shared = Relay(pool(4)).request(dead), relay.request(dead)
    assert (shared[1] is Why.ANSWERED) == (alone[1] is Why.ANSWERED)
    if len(dead) < len(NAMES):
        assert shared[1] is Why.ANSWERED


@given(st.lists(st.dictionaries(st.sampled_from(NAMES), ENDINGS), min_size=1, max_size=10))
def test_where_everything_is_said_to_be_dead_all_is_done_as_if_nothing_were_said(
    plan: list[dict[str, Outcome]],
) -> None:
    """Nobody waits, nobody is held to half the concurrency, and no request fails."""
    alone, shared = Relay(pool(4)), Relay(pool(4))
    for now, dead in zip(itertools.count(NOW, 7.0), plan, strict=False):
        for name in NAMES:
            said = verdict(name, since=now + 1e6, until=now + 60)
            assert shared.chooser.merge(said, now)
        assert alone.request(dead, now) == shared.request(dead, now)


def test_a_fallback_pool_answers_where_a_sibling_found_the_first_account_spent() -> None:
    first, second = pool(2, shared=True), replace(pool(1, "team/spare"), account="other")
    relay = Relay(first, second)
    relay.chooser.merge(verdict("all", About.CREDIT), NOW)
    assert relay.request({})[0] == ["team/spare-0"]
    without = relay.chooser._fleet.heard.avoiding(Without(), "m", NOW)
    assert without is not None
    assert without.credits == {("acc", "all")}
