"""The world in memory: a pool, its Secrets, a vendor and a clock; plans are carried out the way the operator does.

It checks at every step what must hold at every step, and raises AssertionError where it does not.
"""

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from keypool.api.pool_status import ApiKeyPoolStatus
from keypool.core import actions as act
from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.conclude import conclude
from keypool.core.decision import Plan
from keypool.core.ledger import KeyRecord, Ledger, dump, load
from keypool.core.lifecycle import TABLE, KeyState
from keypool.core.observation import Observation, PoolFacts, Problem, ProviderFacts, heard_since
from keypool.core.plan import plan
from keypool.core.projection import Desired
from keypool.core.reasons import Reason
from keypool.core.rules.creation import bound
from keypool.core.views_secret import SecretView
from keypool.reconcile.memory import Memory
from tests.unit.core.builders import NOW, a_pool, a_view
from tests.unit.core.listening import Listening, judge
from tests.unit.core.performing import perform
from tests.unit.core.unknown import check_unknown
from tests.unit.core.vendor import Vendor

MOST_PASSES = 80
MOVES = {(row.before, row.after) for row in TABLE}


class Crashed(Exception):
    """The operator's process ended."""


@dataclass
class World:
    """`steps_to_crash` counts writes and calls; `overlap` is what the spec says and stays the same."""

    vendor: Vendor
    pool: PoolFacts | None = field(default_factory=lambda: a_pool(has_finalizer=False))
    now: datetime = NOW
    ledger: Ledger = field(default_factory=lambda: Ledger(pool_uid="pool-1", namespace="shop", pool="web"))
    dropped: bool = False
    secrets: dict[str, tuple[Desired, SecretView]] = field(default_factory=dict)
    out_since: dict[str, datetime] = field(default_factory=dict)
    memory: Memory = field(default_factory=Memory)
    listening: Listening = field(default_factory=Listening)
    exclusive: bool = False
    answered: datetime | None = None
    epoch: int = 1
    entropy: int = 0
    provider_down: bool = False
    cluster_faults: int = 0
    steps_to_crash: int | None = None
    wake_at: datetime | None = None
    status: ApiKeyPoolStatus | None = None
    compromised: set[str] = field(default_factory=set)
    overlap: timedelta = timedelta(minutes=10)

    # -- what the operator does

    def reconcile(self) -> None:
        """Passes until nothing is left to do now; a crash is followed by a start with an empty memory."""
        try:
            self._passes()
        except Crashed:
            self.epoch, self.memory, self.steps_to_crash = self.epoch + 1, Memory(), None
            self.listening, self.answered = Listening(), None
            self._passes()

    def _passes(self) -> None:
        if self.pool is not None:
            self.memory.new_generation(self.pool.generation)
        for _ in range(MOST_PASSES):
            if self.dropped:
                self.wake_at = None
                return
            judge(self)
            observation = self.observe()
            decided = plan(observation, self.now)
            self._check_plan(observation, decided)
            if decided.ledger == observation.ledger and not decided.actions:
                self._conclude(observation, decided)
                return
            perform(self, observation, decided)
            self.memory.forget_keys(lambda name: self.ledger.key(name) is not None)
        raise AssertionError(f"no fixpoint: {decided.verdicts} {decided.actions}")

    def observe(self) -> Observation:
        """What one pass knows."""
        self.entropy += 1
        down = Problem(Reason.PROVIDER_NOT_READY, "down", stalls=False) if self.provider_down else None
        provider = ProviderFacts(
            "provider-1", "vendor", "https://vendor.example/v1", self.vendor.capabilities, exclusive=self.exclusive
        )
        return Observation(
            pool=self.pool,
            ledger=self.ledger,
            provider=provider if self.pool is not None else None,
            provider_problem=down if self.pool is not None else None,
            grip=self.listening.brake.grip,
            epoch=f"epoch-{self.epoch}",
            installation="inst",
            entropy=str(self.entropy),
            started_at=NOW,
            secrets={name: view for name, (_, view) in self.secrets.items()} if self.pool is not None else {},
            checks=heard_since(self.memory.checks, self.listening.brake.released),
            sent=self.memory.sent,
            troubles=dict(self.memory.troubles),
            wait_until=dict(self.memory.wait_until),
            answered=self.answered,
        )

    def step(self) -> None:
        """A point at which the process may end."""
        if self.steps_to_crash is not None:
            self.steps_to_crash -= 1
            if self.steps_to_crash <= 0:
                raise Crashed

    def store(self, ledger: Ledger) -> None:
        """Makes a ledger durable; every change of a state must be a row of the table."""
        if ledger == self.ledger:
            return
        self.step()
        self._check_moves(self.ledger, ledger)
        self._check_records(ledger)
        self.ledger = load(dump(ledger.model_copy(update={"revision": self.ledger.revision + 1})))
        self.step()

    def publish(self, secret: Desired) -> None:
        """Writes one Secret; only values that were proven may stand in it."""
        assert set(values_of(secret)) <= self.vendor.proven, "a key was published that no probe accepted"
        self.secrets[secret.name] = (secret, a_view(secret))
        self.note_published()

    # -- time and truth

    def pass_time(self, duration: timedelta) -> None:
        """Time passes; the operator wakes when it said."""
        until = self.now + duration
        while self.now < until:
            at = min(self.wake_at or until, until)
            at = at if self.listening.brake.grip is Grip.FREE else min(at, self.now + timedelta(minutes=1))
            self.now = max(at, self.now + timedelta(milliseconds=1))
            self.note_published()
            self.reconcile()

    def note_published(self) -> None:
        """Remembers since when each value that was in a Secret is out of it."""
        shown = self.shown()
        for value in shown:
            self.out_since.pop(value, None)
        for key in self.vendor.keys.values():
            if key.value in self.vendor.proven and key.value not in shown:
                self.out_since.setdefault(key.value, self.now)

    def shown(self) -> set[str]:
        """Every value that a workload can read now."""
        return {value for secret, _ in self.secrets.values() for value in values_of(secret)}

    def live(self) -> set[str]:
        """Names of the pool's keys that the vendor accepts now."""
        return {key.name for key in self.vendor.keys.values() if key.live(self.now) and not key.foreign}

    def check_revocation(self, handle: str) -> None:
        """Nothing that a workload may use is revoked."""
        key = self.vendor.keys.get(handle)
        if key is None or self.pool is None or self.pool.deleted_at is not None:
            return
        assert key.value not in self.shown(), "a published key is being revoked"
        record = self.ledger.key(key.name)
        assert record is not None
        if record.published_at is not None and record.asked != "compromised":
            since = self.out_since.get(key.value, self.now)
            assert self.now - since >= self.overlap, f"revoked {self.now - since} after it left the Secret"

    def check_creation(self, name: str, observation: Observation) -> None:
        """The intent is durable, the pool has our finalizer, and the bound holds."""
        record = self.ledger.key(name)
        assert record is not None
        assert record.state is KeyState.INTENDED, "a create call without a durable intent"
        assert self.pool is not None
        assert self.pool.has_finalizer
        kept = [key for key in self.ledger.inside(KeyState.ACTIVE) if key.slot < observation.spec.size]
        assert len(self.ledger.keys) <= bound(observation, self.ledger) or not kept, "too many live keys"
        check_unknown(self.ledger, record, observation)

    def pause_doubling(self, activity: str) -> None:
        """What was asked for was not there yet."""
        self.memory.failed(activity, Reason.KEY_REJECTED, "not yet", self.now, 0.5)

    def check_settled(self) -> None:
        """At a fixpoint every live key upstream is in the ledger, and the Secrets hold what it says."""
        if not self.ledger.retained:
            known = {key.name for key in self.ledger.keys} if not self.dropped else set()
            assert self.live() <= known, "a live key is in no ledger"

    def _check_records(self, ledger: Ledger) -> None:
        """What is newly recorded as in or out of the Secrets really is."""
        for key in ledger.keys:
            old = self.ledger.key(key.name)
            if old is None or key.value is None or old.state is not key.state:
                continue
            shown = key.value.get_secret_value() in self.shown()
            assert old.published_at or not key.published_at or shown, "recorded as published, and is not"
            assert old.unpublished_at or not key.unpublished_at or not shown, "recorded as out, and is not"

    @staticmethod
    def _check_moves(before: Ledger, after: Ledger) -> None:
        old = {key.name: key.state for key in before.keys}
        new = {key.name: key.state for key in after.keys}
        for name in old.keys() | new.keys():
            was, now = old.get(name), new.get(name)
            assert was == now or _reachable(was, now), f"{was} -> {now} is not in the table"

    def _check_plan(self, observation: Observation, decided: Plan) -> None:
        kinds = {type(action) for action in decided.actions}
        makes = kinds & {act.CreateKey, act.RepeatCreate}
        retires = kinds & {act.RevokeKey, act.DisableKey, act.PublishSecrets, act.RemoveSecrets}
        assert not (makes and retires)
        if observation.grip is not Grip.FREE:
            assert not makes, "a key is made while the brake holds"
            for key in decided.ledger.inside(KeyState.WITHDRAWN):
                before = self.ledger.key(key.name)
                was = before.state if before is not None else None
                assert was is KeyState.WITHDRAWN or key.expires_at <= self.now, "withdrawn while the brake holds"
        assert decided.wake_at is None or decided.wake_at > self.now, f"wakes in the past: {decided.verdicts}"

    def _conclude(self, observation: Observation, decided: Plan) -> None:
        self.wake_at = decided.wake_at
        self.check_settled()
        if observation.pool is None:
            return
        before = self.status.conditions if self.status else ()
        self.status = conclude(observation, decided.problems, before, self.now)
        self.check_told()
        assert len(self.status.next_action or "") <= 40

    def check_told(self) -> None:
        """A leaked key that lives, or stands in a Secret, is told of; and Ready is not said of a Secret without a key
        that the vendor accepted when it last gave a verdict."""
        assert self.status is not None
        shown = self.shown()
        leaked = {key.name for key in self.ledger.keys if key.asked == "compromised"}
        known = {key.name: key for key in self.ledger.keys}
        untold = not any(condition.reason == "LeakNotContained" for condition in self.status.conditions)
        exposed = {key.name for key in self.vendor.keys.values() if key.value in shown} & leaked
        assert not (exposed and untold), "a leaked key stands in a Secret, and no condition says so"
        assert not (leaked & self.live() and untold), "a leaked key lives, and no condition says so"
        if self.ready():
            good = [key for key in self.vendor.keys.values() if key.value in shown and key.name in known]
            assert any(self._is_believed(known[key.name]) for key in good), "Ready without a key that was accepted"

    def _is_believed(self, key: KeyRecord) -> bool:
        """As the vendor said last, in this leadership."""
        check = self.memory.checks.get(key.name)
        return check is None or check.accepted

    def ready(self) -> bool:
        """Whether the pool says that it is Ready."""
        found = self.status.conditions if self.status else ()
        return any(condition.type == "Ready" and condition.status == "True" for condition in found)

    def edit(self, **facts: Any) -> None:
        """Somebody changes the pool; a change of the spec is a new generation."""
        if self.pool is not None:
            self.pool = replace(self.pool, **facts)
            if "spec" in facts:
                self.pool = replace(self.pool, generation=self.pool.generation + 1)


def values_of(secret: Desired) -> list[str]:
    """The keys' values in a Secret."""
    if "keys.json" in secret.data:
        return [entry.get("apiKey") or entry["value"] for entry in json.loads(secret.data["keys.json"])["keys"]]
    return [secret.data["apiKey"]]


def _reachable(was: KeyState | None, now: KeyState | None) -> bool:
    """One write may move a key by several rows."""
    frontier, seen = {was}, {was}
    while frontier:
        frontier = {after for before, after in MOVES if before in frontier and after not in seen}
        if now in frontier:
            return True
        seen |= frontier - {None}
        frontier -= {None}
    return False


def a_world(capabilities: Capabilities) -> World:
    """A new pool at a vendor that works."""
    return World(Vendor(capabilities))
