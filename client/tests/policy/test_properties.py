"""What holds for the policy whatever providers answer and in whatever order."""

import random
from dataclasses import dataclass, field, replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from keypool_client.model import Endpoint, Key, Pool
from keypool_client.policy.choosing import Chooser, Exchange
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.reports import Finding
from keypool_client.policy.steps import Refuse, Request, Send, Wait

ENDS = (Endpoint("0", {"openai": "http://a/v1"}), Endpoint("1", {"openai": "http://b/v1"}))
ENDINGS: list[Outcome] = [
    Outcome(None, 0.0, 0.2),
    *(Outcome(failure, 0.0, 0.1) for failure in FailureClass),
    Outcome(FailureClass.RATE_LIMITED, 0.0, 0.1, retry_after=2.0),
    Outcome(FailureClass.EXHAUSTED, 0.0, 0.1, retry_after=90.0),
    Outcome(FailureClass.TRANSIENT, 0.0, None),
    Outcome(FailureClass.TRANSIENT, 0.0, None, ambiguous=True),
    Outcome(FailureClass.TRANSIENT, 0.0, None, fresh_needed=True),
]


def pool(size: int, ends: int, *, shared: bool, name: str = "team/chat") -> Pool:
    """`shared`: the keys have one account's limits."""
    names = tuple(end.name for end in ENDS[:ends])
    keys = (f"{name}-{number}" for number in range(size))
    made = tuple(Key(key, f"value-{key}", names, "all" if shared else key, "all" if shared else key) for key in keys)
    return Pool(name, "static", f"account of {name}", ("openai",), ENDS[:ends], made)


@dataclass
class Call:
    """One request and its attempts."""

    exchange: Exchange
    send: Send | None = None
    began: float = 0.0
    attempts: int = 0
    waited: float = 0.0
    wakes: float | None = 0.0
    committed: bool = False
    over: bool = False
    unsent: bool = False
    rejected: set[str] = field(default_factory=set)


class World:
    """A relay's view of time, requests and answers; every step is checked."""

    def __init__(self, pools: list[Pool], seed: int) -> None:
        self.now = 100.0
        self.chooser = Chooser(random.Random(seed).random)
        self.chooser.update(pools, self.now)
        self.calls: list[Call] = []
        self.requests: list[float] = []
        self.repeats: list[float] = []

    def request(self, flags: tuple[bool, bool, bool], model: str) -> None:
        """A request comes in."""
        stateless, resendable, safe = flags
        asked = Request("openai", model, stateless, resendable, self.now + 50, safe)
        self.requests.append(self.now)
        call = Call(self.chooser.begin(asked, self.now))
        self.calls.append(call)
        self.step(call)

    def step(self, call: Call) -> None:
        """Ask what to do, and do it."""
        before = {r.key_id: r for r in self.chooser.reports(self.now) if r.finding is Finding.CONDEMNED}
        first = call.attempts == 0
        good = self.good(call)
        step = call.exchange.next(self.now)
        assert not isinstance(step, Refuse), "the last alternative was refused"
        call.send, call.wakes = None, None
        if isinstance(step, Wait):
            call.waited += step.seconds
            assert call.attempts or call.waited <= 1.2, "a first attempt is held back for a second at most"
            call.wakes = self.now + step.seconds
        elif isinstance(step, Send):
            self.sent(call, step)
            if first and step.key.id in before:
                until = before[step.key.id].until
                assert until is not None
                assert until <= self.now or not good, "a condemned key got more than its trial"
        else:
            call.over = True

    def good(self, call: Call) -> bool:
        """Whether there is a key that nothing speaks against, at an endpoint that is in order."""
        del call
        views = self.chooser.view(self.now)[:1]
        ready = any(key.state == "ready" for view in views for key in view.keys)
        return ready and any(end.state == "open" for view in views for end in view.endpoints)

    def sent(self, call: Call, step: Send) -> None:
        """An attempt begins."""
        assert not call.committed, "an attempt after the answer had begun to go out"
        call.send, call.began = step, self.now
        if step.fresh:
            return
        call.attempts += 1
        assert step.attempt == call.attempts <= 4
        assert step.key.id not in call.rejected, "a key that was rejected was tried again by the same request"
        if call.attempts > 1 and not call.unsent:
            self.repeats.append(self.now)

    def answer(self, call: Call, ending: Outcome) -> None:
        """The attempt under way ends."""
        assert call.send is not None
        if ending.failure is FailureClass.CREDENTIAL:
            call.rejected.add(call.send.key.id)
        call.unsent = ending.unsent
        call.exchange.ended(replace(ending, began=call.began), self.now)
        self.step(call)

    def pass_time(self, seconds: float) -> None:
        """Time passes; who waits goes on when it is time."""
        until = self.now + seconds
        while waits := [c for c in self.calls if not c.over and c.send is None and c.wakes is not None]:
            call = min(waits, key=lambda c: c.wakes or 0.0)
            if (call.wakes or 0.0) > until:
                break
            self.now = max(self.now, call.wakes or 0.0)
            self.step(call)
        self.now = until

    def flying(self) -> list[Call]:
        """Those with an attempt under way."""
        return [call for call in self.calls if call.send is not None]


FLAGS = st.tuples(st.booleans(), st.sampled_from([True, True, False]), st.sampled_from([False, False, True]))
EVENTS = st.one_of(
    st.tuples(st.just("request"), FLAGS, st.sampled_from(["m", "n"])),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(ENDINGS)),
    st.tuples(st.just("answer"), st.integers(0, 9), st.sampled_from(ENDINGS)),
    st.tuples(st.just("commit"), st.integers(0, 9), st.none()),
    st.tuples(st.just("leave"), st.integers(0, 9), st.none()),
    st.tuples(st.just("time"), st.sampled_from([0.01, 0.3, 2.0, 31.0, 200.0]), st.none()),
    st.tuples(st.just("file"), st.integers(1, 4), st.booleans()),
)


def play(world: World, event: tuple[object, ...], spare: Pool) -> None:
    """One event."""
    flying = world.flying()
    match event:
        case ("request", (bool() as a, bool() as b, bool() as c), str() as model):
            world.request((a, b, c), model)
        case ("time", float() as seconds, None):
            world.pass_time(seconds)
        case ("file", int() as size, bool() as shared):
            world.chooser.update([pool(size, 2, shared=shared), spare], world.now)
        case (str() as what, int() as which, ending) if flying:
            call = flying[which % len(flying)]
            if what == "answer" and isinstance(ending, Outcome):
                world.answer(call, ending)
            elif what == "commit":
                call.committed = True
                call.exchange.committed(world.now)
            else:
                call.exchange.abandoned(world.now)
                call.send, call.over = None, True


@settings(max_examples=300, deadline=None)
@given(
    size=st.integers(1, 5),
    ends=st.integers(1, 2),
    shared=st.booleans(),
    events=st.lists(EVENTS, max_size=60),
    seed=st.integers(0, 9),
)
def test_whatever_is_answered_bounds_hold_and_the_last_alternative_is_never_refused(
    size: int, ends: int, shared: bool, events: list[tuple[object, ...]], seed: int
) -> None:
    spare = pool(1, 1, shared=False, name="team/spare")
    world = World([pool(size, ends, shared=shared), spare], seed)
    for event in events:
        play(world, event, spare)
    for at in world.repeats:
        requests = sum(at - 10 < when <= at for when in world.requests)
        assert sum(at - 10 < when <= at for when in world.repeats) <= 0.2 * requests + 10
    for call in world.flying():
        call.exchange.abandoned(world.now)
    assert all(key.in_flight == 0 for view in world.chooser.view(world.now) for key in view.keys)


@settings(deadline=None)
@given(
    size=st.integers(1, 8),
    ends=st.integers(1, 2),
    shared=st.booleans(),
    endings=st.lists(st.sampled_from(ENDINGS[1:]), min_size=12, max_size=12),
)
def test_however_its_attempts_fail_a_request_has_four_at_most_and_then_its_answer(
    size: int, ends: int, shared: bool, endings: list[Outcome]
) -> None:
    world = World([pool(size, ends, shared=shared)], 0)
    world.request((True, True, False), "m")
    (call,) = world.calls
    for ending in endings:
        if call.send is not None:
            world.answer(call, ending)
        if call.wakes is not None:
            world.pass_time(call.wakes - world.now)
    assert call.over


PLANS = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 1.5]), st.sampled_from(ENDINGS[1:])), min_size=30, max_size=80)


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 4), plan=PLANS)
def test_repeats_stay_within_the_budget_for_any_sequence_of_answers(
    size: int, plan: list[tuple[float, Outcome]]
) -> None:
    world = World([pool(size, 2, shared=False)], 0)
    for pause, ending in plan:
        world.pass_time(pause)
        world.request((True, True, False), "m")
        while (call := world.calls[-1]).send is not None:
            world.answer(call, ending)
    for at in world.repeats:
        requests = sum(at - 10 < when <= at for when in world.requests)
        assert sum(at - 10 < when <= at for when in world.repeats) <= 0.2 * requests + 10


@given(st.lists(st.tuples(st.floats(0, 40), st.sampled_from([None, 0.5, 3.0, 60.0])), min_size=2, max_size=20))
def test_a_cool_down_only_ever_gets_longer_while_nothing_succeeds(refusals: list[tuple[float, float | None]]) -> None:
    chooser = Chooser(lambda: 0.0)
    chooser.update([pool(1, 1, shared=False)], 0.0)
    ends = []
    for now, retry_after in sorted(refusals, key=lambda refusal: refusal[0]):
        exchange = chooser.begin(Request("openai", "m", True, False, now + 50), now)
        step = exchange.next(now)
        while isinstance(step, Wait):
            step = exchange.next(now)
        exchange.ended(Outcome(FailureClass.RATE_LIMITED, now, 0.1, retry_after), now)
        returns = chooser.view(now)[0].keys[0].returns_in
        ends.append(now + (returns or 0.0))
    assert all(earlier <= later + 1e-9 for earlier, later in pairwise(ends))
