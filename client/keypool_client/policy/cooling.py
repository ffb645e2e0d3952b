"""Groups of keys that are left alone for a while. A cool-down is only ever made longer; a success ends it."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from math import inf

RATE_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Where the provider names no time; the last one is repeated."""
CREDIT_SECONDS = (60.0,)
MODELS = 1000
"""Names of models come from clients: of more than these the oldest is forgotten."""

Name = tuple[str, str]
"""An account and a group in it."""
_NOTHING: AbstractSet[Name] = frozenset()


class Group:
    """One group's cool-down."""

    __slots__ = ("_step", "_steps", "changed", "since", "until")

    def __init__(self, steps: Sequence[float]) -> None:
        self._steps, self._step = steps, 0
        self.until = self.since = self.changed = -inf

    def cool(self, retry_after: float | None, began: float, now: float) -> None:
        """A call was refused: leave the group alone for `retry_after`, or for the next step where nothing was said.

        A call that began before the last change adds no step: a hundred calls under way are refused together. What the
        provider said with it makes a cool-down that goes on longer.
        """
        late = began < self.changed
        if late and (retry_after is None or now >= self.until):
            return
        if retry_after is None:
            retry_after = self._steps[min(self._step, len(self._steps) - 1)]
            self._step += 1
        if now >= self.until:
            self.since = now
        self.until = max(self.until, now + retry_after)
        if not late:
            self.changed = now

    def recovered(self, began: float, now: float) -> None:
        """A call succeeded: what it began after is over."""
        if (self._step or self.until > now) and began >= self.changed:
            self._step, self.until, self.changed = 0, -inf, now


class RateLimits:
    """The cool-downs of rate groups, for each model apart."""

    def __init__(self) -> None:
        self._models: dict[str, dict[Name, Group]] = {}

    def cool(self, model: str, name: Name, retry_after: float | None, began: float, now: float) -> None:
        """The group was refused for this model."""
        groups = self._models.get(model)
        if groups is None:
            if len(self._models) >= MODELS:
                del self._models[next(iter(self._models))]
            groups = self._models[model] = {}
        group = groups.get(name) or groups.setdefault(name, Group(RATE_SECONDS))
        group.cool(retry_after, began, now)

    def recovered(self, model: str, name: Name, began: float, now: float) -> None:
        """The group had a success with this model."""
        group = self._models.get(model, {}).get(name)
        if group is not None:
            group.recovered(began, now)

    def cooling(self, model: str, now: float) -> AbstractSet[Name]:
        """The groups that are to be left alone for this model."""
        groups = self._models.get(model)
        return {name for name, group in groups.items() if group.until > now} if groups else _NOTHING

    def until(self, model: str, name: Name) -> float:
        """Until when; the past where it is not left alone."""
        group = self._models.get(model, {}).get(name)
        return group.until if group is not None else -inf

    def models(self, name: Name, now: float) -> dict[str, float]:
        """The models for which a group is left alone, and until when: for the page that people read."""
        found = {model: groups[name].until for model, groups in self._models.items() if name in groups}
        return {model: until for model, until in found.items() if until > now}
