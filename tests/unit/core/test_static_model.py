"""Whatever people do with their Secret, in whatever order: no good key is taken from workloads, and none is forgotten
before it is revoked or left in the Secret."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool.core.actions import CreateKey, LookUp, ProbeKey, PublishSecrets, RevokeKey
from keypool.core.ledger import Ledger, dump, load
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation
from keypool.core.plan import plan
from keypool.core.projection import usable
from keypool.core.supply import read_supply
from tests.unit.core.builders import HOUR, MINUTE, NOW, a_ledger, a_pool, a_view, seen
from tests.unit.core.people import STATIC, held, printed, spec
from tests.unit.core.test_model import bounded

VALUES = ("a", "b", "c", "d")
MOST_PASSES = 30


@dataclass
class People:
    """Their Secret (None: it is missing), the provider's good values, and the operator's ledger and memory."""

    size: int
    now: datetime = NOW
    secret: set[str] | None = field(default_factory=set)
    good: set[str] = field(default_factory=lambda: set(VALUES))
    pool: Any = None
    ledger: Ledger = field(default_factory=lambda: a_ledger(revision=0, publication=0, base_url=""))
    secrets: dict[str, Any] = field(default_factory=dict)
    checks: dict[str, Checked] = field(default_factory=dict)
    published: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pool = a_pool(spec=spec(self.size, health={"probeEvery": "1m", "failureThreshold": 2}))

    def observe(self) -> Observation:
        supply = read_supply("mine", None) if not self.secret else held(*sorted(self.secret))
        facts: Any = {"supply": supply, "secrets": self.secrets, "checks": self.checks, "provider": STATIC}
        return seen(ledger=self.ledger, pool=self.pool, **facts)

    def settle(self) -> None:
        for _ in range(MOST_PASSES):
            observation = self.observe()
            decided = plan(observation, self.now)
            assert not [a for a in decided.actions if isinstance(a, CreateKey | RevokeKey | LookUp)]
            if decided.ledger == self.ledger and not decided.actions:
                return
            self._never_worse(decided.ledger)
            written = decided.ledger.model_copy(update={"revision": self.ledger.revision + 1, "steps": ()})
            self.ledger = load(dump(written))
            self._perform(decided.actions)
        raise AssertionError(f"no fixpoint: {decided.verdicts} {decided.actions}")

    def _never_worse(self, after: Ledger) -> None:
        """Where a good published key was, there is one afterwards."""
        before = {self.value(key) for key in usable(self.ledger)} & self.good
        if before and self.ledger.publication:
            assert {self.value(key) for key in usable(after)}, "workloads are left without a key"

    def _perform(self, actions: Any) -> None:
        for action in actions:
            if isinstance(action, PublishSecrets):
                self.secrets = {secret.name: a_view(secret) for secret in action.write} | {
                    name: view for name, view in self.secrets.items() if name not in {s.name for s in action.write}
                }
                for name in action.remove:
                    self.secrets.pop(name, None)
                self.published |= {self.value(key) for key in usable(self.ledger)}
            if isinstance(action, ProbeKey):
                key = self.ledger.key(action.name)
                assert key is not None
                good, before = self.value(key) in self.good, self.checks.get(key.name)
                count = 0 if good else (before.rejections if before else 0) + 1
                self.checks[key.name] = Checked(self.now, good, count)

    @staticmethod
    def value(key: Any) -> str:
        return str(key.value.get_secret_value())

    def pass_time(self, by: timedelta) -> None:
        """In steps, as the operator would wake up."""
        end = self.now + by
        while self.now < end:
            self.now = min(self.now + MINUTE, end)
            self.settle()

    def labels(self, *states: KeyState) -> set[str]:
        return {self.value(key) for key in self.ledger.inside(*states)}


EVENTS = st.one_of(
    st.tuples(st.just("add"), st.sampled_from(VALUES)),
    st.tuples(st.just("remove"), st.sampled_from(VALUES)),
    st.tuples(st.just("kill"), st.sampled_from(VALUES)),
    st.tuples(st.just("heal"), st.sampled_from(VALUES)),
    st.tuples(st.just("lose"), st.just("")),
    st.tuples(st.just("compromise"), st.sampled_from(VALUES)),
    st.tuples(st.just("acknowledge"), st.sampled_from(VALUES)),
    st.tuples(st.just("time"), st.sampled_from(["1", "12"])),
    st.tuples(st.just("size"), st.sampled_from(["1", "2", "3"])),
)


def happen(people: People, kind: str, what: str) -> None:
    match kind:
        case "add":
            people.secret = (people.secret or set()) | {what}
        case "remove":
            people.secret = (people.secret or set()) - {what}
        case "lose":
            people.secret = None
        case "kill":
            people.good.discard(what)
        case "heal":
            people.good.add(what)
        case "compromise":
            people.pool = replace(people.pool, compromised=printed(what))
        case "acknowledge":
            people.pool = replace(people.pool, revoked=printed(what))
        case "size":
            changed = people.pool.spec.model_copy(update={"size": int(what)})
            people.pool = replace(people.pool, spec=changed, generation=people.pool.generation + 1)
        case "time":
            people.pass_time(timedelta(minutes=int(what)))
    people.settle()


@bounded(120)
@given(size=st.integers(1, 3), events=st.lists(EVENTS, max_size=16))
def test_whatever_people_do_workloads_keep_a_key_and_no_live_key_is_forgotten(size: Any, events: Any) -> None:
    people = People(size)
    acknowledged: set[str] = set()
    for kind, what in events:
        acknowledged |= {what} if kind == "acknowledge" else set()
        happen(people, kind, what)
        known = people.labels(*KeyState)
        assert people.published & people.good - acknowledged - known - (people.secret or set()) <= set(), "forgotten"
        shown = [people.value(key) for key in usable(people.ledger)]
        assert len(shown) == len(set(shown)) <= 3
        assert len({key.slot for key in people.ledger.inside(KeyState.ACTIVE)}) == len(
            people.ledger.inside(KeyState.ACTIVE)
        )


@pytest.mark.parametrize("size", [1, 2, 3])
def test_in_the_end_what_the_secret_holds_is_published(size: Any) -> None:
    people = People(size)
    for kind, what in [("add", "a"), ("time", "1"), ("add", "b"), ("kill", "a"), ("time", "12"), ("add", "c")]:
        happen(people, kind, what)
    happen(people, "remove", "a")
    people.pass_time(HOUR)
    assert len(people.labels(KeyState.ACTIVE)) == min(size, 2)
    assert people.labels(KeyState.ACTIVE) <= {"b", "c"}
    assert people.labels() <= {"b", "c"}
