"""One attempt under way: what it holds, and what is learnt when it ends."""

from keypool_client.policy.fleet import Fleet
from keypool_client.policy.learning import accepted, failed
from keypool_client.policy.outcome import Outcome
from keypool_client.policy.score import Lane
from keypool_client.policy.suspension import Suspension
from keypool_client.policy.throttle import Throttle


class Attempt:
    """A request sent along a lane."""

    __slots__ = ("_began", "_fleet", "_model", "_throttle", "_trial", "_under_way", "cornered", "fresh", "lane")

    def __init__(self, fleet: Fleet, throttle: Throttle, model: str, lane: Lane, trial: Suspension | None) -> None:
        self._fleet, self._throttle, self._model, self._trial = fleet, throttle, model, trial
        self.lane = lane
        self.cornered = False
        """Nothing but what is set aside was left."""
        self.fresh = False
        self._under_way, self._began = False, 0.0

    def begin(self, now: float) -> None:
        """It is sent, for the first time or once more on a fresh connection."""
        self._under_way, self._began = True, now
        self.lane.health.in_flight += 1
        self._throttle.began(self._model)

    @property
    def under_way(self) -> bool:
        """Sent, and not ended."""
        return self._under_way

    def committed(self, now: float) -> None:
        """Content came: the key is good, however the answer ends."""
        if self._under_way:
            accepted(self._fleet, self.lane, self._model, self._began, now)

    def closed(self) -> None:
        """Its connection closed before one byte: that says nothing, and the trial goes on with the fresh one."""
        self._land(succeeded=False)

    def ended(self, outcome: Outcome, now: float) -> None:
        """It ended like this."""
        self._land(succeeded=outcome.failure is None)
        if outcome.failure is None:
            accepted(self._fleet, self.lane, self._model, outcome.began, now)
            self.lane.succeeded(outcome.first_byte)
        else:
            failed(self._fleet, self.lane, self._model, outcome, now=now, trial=self._trial)
        self.dropped(now)

    def dropped(self, now: float) -> None:
        """Nothing more comes of it."""
        if self._under_way:
            self._land(succeeded=False)
        if self._trial is not None:
            self._trial.lost(now)
            self._trial = None
            self._fleet.suspended()

    def _land(self, *, succeeded: bool) -> None:
        self._under_way = False
        self.lane.health.in_flight -= 1
        self._throttle.ended(self._model, succeeded=succeeded and self.cornered)
