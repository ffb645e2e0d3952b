"""One request, until it has its answer."""

from dataclasses import replace

from keypool_client.policy.attempt import Attempt
from keypool_client.policy.budget import RetryBudget
from keypool_client.policy.fleet import Fleet, dead
from keypool_client.policy.front import Without
from keypool_client.policy.learning import OF_THE_REQUEST
from keypool_client.policy.outcome import FailureClass, Outcome
from keypool_client.policy.score import Lane
from keypool_client.policy.steps import Hand, Refuse, Request, Send, Step, Wait, Why
from keypool_client.policy.suspension import Suspension
from keypool_client.policy.throttle import LONGEST_SECONDS, PAUSE_SECONDS, Throttle

ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
"""Before the same endpoint is tried once more, less up to a quarter by chance."""
SPREAD = 0.1
"""Waits for a limit's end are longer by up to this share: not all who wait come back in the same moment."""
NO_KEY_RETRY_SECONDS = 5.0


class Exchange:
    """`next` says what to do, and is told how each attempt `ended`."""

    def __init__(self, fleet: Fleet, budget: RetryBudget, throttle: Throttle, request: Request) -> None:
        self._fleet, self._budget, self._throttle, self._request = fleet, budget, throttle, request
        self._model = request.model or ""
        self._without = Without()
        self._attempt: Attempt | None = None
        self._last: Outcome | None = None
        self._held = 0.0
        self._committed = self._gone = False
        self._waited = self._backed_off = self._doubted = self._repeated = False
        self.attempts = 0
        """How many there were so far."""

    def next(self, now: float) -> Step:
        """What to do now. Raises RuntimeError while an attempt is under way."""
        attempt, last = self._attempt, self._last
        if attempt is not None and attempt.under_way:
            raise RuntimeError("the attempt under way has not ended")
        if attempt is None or last is None:
            return self._first(now)
        if self._waited:
            return self._after_wait(attempt, now)
        why = self._final(last, now)
        if why is not None:
            attempt.dropped(now)
            return Hand(why)
        if last.fresh_needed:
            attempt.fresh = True
            return self._go(attempt, now)
        return self._follow(attempt.lane, last, now)

    def ended(self, outcome: Outcome, now: float) -> None:
        """The attempt of the last `Send` ended like this."""
        attempt = self._attempt
        if attempt is None or not attempt.under_way:
            return
        if outcome.fresh_needed and attempt.fresh:
            outcome = replace(outcome, failure=FailureClass.TRANSIENT, fresh_needed=False, ambiguous=True)
        self._last = outcome
        if outcome.fresh_needed:
            attempt.closed()
        else:
            attempt.ended(outcome, now)

    def committed(self, now: float) -> None:
        """The first content of the answer goes to the client: there is no attempt after this."""
        self._committed = True
        if self._attempt is not None:
            self._attempt.committed(now)

    def abandoned(self, now: float) -> None:
        """The client went away: the attempt under way counts for nothing."""
        self._gone = True
        if self._attempt is not None:
            self._attempt.dropped(now)

    def _first(self, now: float) -> Step:
        request = self._request
        if self._may_repeat() and self._budget.spare(now):
            due = self._fleet.trial(request, now)
            if due is not None:
                return self._send(due[0], now, due[1])
        usable = self._fleet.usable(request, self._without, now)
        if usable is not None:
            return self._send(usable, now)
        nearest = self._fleet.nearest(request, self._without, now)
        return self._corner(nearest, now) if nearest is not None else self._nothing()

    def _nothing(self) -> Step:
        spoken = any(self._request.dialect in state.pool.dialects for state in self._fleet.pools)
        code = "keypool_no_usable_key" if spoken or not self._fleet.pools else "keypool_wrong_dialect"
        return Refuse(code, NO_KEY_RETRY_SECONDS)

    def _corner(self, lane: Lane, now: float) -> Step:
        """Nothing but what is set aside is left: it gets half the concurrency, and nobody is refused."""
        pause = PAUSE_SECONDS * (0.5 + self._fleet.draw())
        patient = self._held < LONGEST_SECONDS and now + pause <= self._request.deadline
        if self._throttle.full(self._model, now) and patient:
            self._held += pause
            return Wait(pause)
        return self._send(lane, now, cornered=True)

    def _final(self, last: Outcome, now: float) -> Why | None:
        """Why the answer is the last one, whatever else there is to try."""
        unsure = last.ambiguous or last.fresh_needed
        checks = (
            (last.failure is None and not last.fresh_needed, Why.ANSWERED),
            (self._committed, Why.COMMITTED),
            (self._gone or last.failure in OF_THE_REQUEST, Why.FINAL),
            (last.failure is FailureClass.UNKNOWN and self._doubted, Why.FINAL),
            (not self._request.resendable or (unsure and not self._may_repeat()), Why.NOT_REPEATABLE),
            (last.ambiguous and self._repeated, Why.NOT_REPEATABLE),
            (self.attempts >= ATTEMPTS and not last.fresh_needed, Why.ATTEMPTS),
            (now >= self._request.deadline, Why.DEADLINE),
        )
        return next((why for holds, why in checks if holds), None)

    def _may_repeat(self) -> bool:
        """Whether it may be sent again although it was perhaps carried out."""
        request = self._request
        return request.resendable and not request.safe_only and (request.stateless or request.repeatable)

    def _follow(self, lane: Lane, last: Outcome, now: float) -> Step:
        self._repeated = self._repeated or last.ambiguous
        self._doubted = self._doubted or last.failure is FailureClass.UNKNOWN
        match last.failure:
            case FailureClass.RATE_LIMITED:
                self._without.rates.add(lane.health.rate_name)
                return self._elsewhere(now) or self._wait_for_limit(now)
            case FailureClass.TRANSIENT:
                self._without.breakers.add(lane.breaker)
                return self._elsewhere(now) or self._back_off(now)
            case FailureClass.EXHAUSTED:
                self._without.credits.add(lane.health.credit_name)
            case _:
                self._without.keys.add(lane.health)
        return self._elsewhere(now) or self._set_aside(last, now)

    def _elsewhere(self, now: float) -> Step | None:
        """Another alternative that nothing speaks against, at once; None when there is none."""
        lane = self._fleet.usable(self._request, self._without, now)
        return self._repeat(lane, now) if lane is not None else None

    def _set_aside(self, last: Outcome, now: float) -> Step:
        """The last alternatives. No request goes from one account without credit to another one without."""
        lane = self._fleet.nearest(self._request, self._without, now)
        if lane is None or (last.failure is FailureClass.EXHAUSTED and dead(lane, now)):
            return Hand(Why.NO_ALTERNATIVE)
        return self._repeat(lane, now)

    def _repeat(self, lane: Lane, now: float) -> Step:
        return self._send(lane, now) if self._affordable(now) else Hand(Why.BUDGET)

    def _affordable(self, now: float) -> bool:
        """The budget spares providers in trouble: one that never got the last attempt has had no work with it."""
        return (self._last is not None and self._last.unsent) or self._budget.take(now)

    def _wait_for_limit(self, now: float) -> Step:
        """Until the first of the limits ends, where the client waits as long."""
        self._without.rates.clear()
        until = self._fleet.limit_ends(self._request, self._without, now)
        return self._pause((until - now) * (1 + SPREAD * self._fleet.draw()), now)

    def _back_off(self, now: float) -> Step:
        """The same endpoint once more, after a pause."""
        if self._backed_off:
            return Hand(Why.NO_ALTERNATIVE)
        self._backed_off = True
        self._without.breakers.clear()
        return self._pause(BACKOFF_SECONDS * (1 - self._fleet.draw() / 4), now)

    def _pause(self, seconds: float, now: float) -> Step:
        if now + seconds > self._request.deadline:
            return Hand(Why.DEADLINE)
        if not self._affordable(now):
            return Hand(Why.BUDGET)
        self._waited = True
        return Wait(seconds)

    def _after_wait(self, attempt: Attempt, now: float) -> Step:
        """Another key than the last one where there is one, else the same, else what is set aside."""
        self._waited = False
        if self._gone:
            return Hand(Why.FINAL)
        fleet, request, without = self._fleet, self._request, self._without
        other = Without()
        other.keys, other.credits = {*without.keys, attempt.lane.health}, without.credits
        lane = fleet.usable(request, other, now) or fleet.usable(request, without, now)
        lane = lane or fleet.nearest(request, without, now)
        return self._send(lane, now) if lane is not None else Hand(Why.NO_ALTERNATIVE)

    def _send(self, lane: Lane, now: float, trial: Suspension | None = None, *, cornered: bool = False) -> Send:
        self.attempts += 1
        self._attempt = Attempt(self._fleet, self._throttle, self._model, lane, trial)
        self._attempt.cornered = cornered
        return self._go(self._attempt, now)

    def _go(self, attempt: Attempt, now: float) -> Send:
        attempt.begin(now)
        lane = attempt.lane
        return Send(lane.pool, lane.key, lane.endpoint, self.attempts, attempt.fresh)
