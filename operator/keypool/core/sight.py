"""What the situations of a pool are told by: one pass's observation, and what follows from it. Purely computational."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from keypool.core.brake import Grip
from keypool.core.fingerprint import digest
from keypool.core.holders import is_hurried
from keypool.core.leaks import REPORTS, Leak, uncontained
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.projection import project, secret_names, usable
from keypool.core.reasons import Reason
from keypool.core.rules.creation import waits_for_its_turn
from keypool.core.rules.publication import ADORN, REPAIR, is_current
from keypool.core.trust import has_expired
from keypool.core.used_up import empty_until

MESSAGE_LIMIT = 512
"""Characters of a condition's message."""
OTHERS_LIMIT = 150
"""Characters of each problem that is told after another one."""
BRAKE = (
    "the provider rejects most keys of this account at once and yet lists them as active: nothing is created or "
    "withdrawn until it accepts one again"
)


@dataclass(frozen=True)
class Sight:
    """`problems` are those of the pass's plan."""

    o: Observation
    problems: tuple[Problem, ...]
    now: datetime

    @property
    def is_satisfied(self) -> bool:
        """Whether all keys that any generation asked for were published once."""
        return self.o.ledger.satisfied_generation is not None

    @property
    def is_suspended(self) -> bool:
        """Whether the spec says so."""
        return self.o.known_pool.spec is not None and self.o.known_pool.spec.suspend

    @cached_property
    def stalled(self) -> Problem | None:
        """All that needs a person as one: the first gives the reason, the others are counted and told with theirs."""
        stalling = sorted((each for each in self.problems if each.stalls), key=lambda each: each.reason not in REPORTS)
        troubles = (trouble for _, trouble in sorted(self.o.troubles.items()) if trouble.needs_person)
        stalling += (Problem(trouble.reason, trouble.message) for trouble in troubles)
        known: dict[str, Problem] = {}
        for problem in stalling:
            known.setdefault(problem.message, problem)
        if len(known) < 2:
            return next(iter(known.values()), None)
        first, *others = known.values()
        texts = "; ".join(f"{each.reason.value}: {each.message}"[:OTHERS_LIMIT] for each in others)
        return Problem(first.reason, f"{first.message}; and {len(others)} more: {texts}"[:MESSAGE_LIMIT])

    @cached_property
    def leak(self) -> Leak | None:
        """What is reported leaked and not proven dead."""
        return uncontained(self.o, self.problems)

    @cached_property
    def shown(self) -> tuple[KeyRecord, ...]:
        """The keys whose value was seen in the published Secret, and that are not known to be dead. While the brake
        holds it is the provider that is not believed."""
        if self.o.known_pool.spec is None:
            return ()
        view = self.o.secrets.get(secret_names(self.o.known_pool.name, self.o.spec)[0])
        there = set(view.digests.values()) if view is not None else set()
        unsure = (KeyState.WITHDRAWN,) if self.o.grip is not Grip.FREE else ()
        keys = self.o.ledger.inside(KeyState.ACTIVE, KeyState.DRAINING, *unsure) if there else ()
        return tuple(
            key
            for key in keys
            if key.value is not None and digest(key.value) in there and not _is_dead(self.o, key, self.now)
        )

    @cached_property
    def live(self) -> tuple[KeyRecord, ...]:
        """Those of them that the provider accepted when it last said yes or no."""
        return tuple(key for key in self.shown if not is_rejected(self.o, key))

    @cached_property
    def unwritten(self) -> Problem | None:
        """Why the Secrets are not what the ledger says; None when they were seen to be, or there is nothing to say."""
        o = self.o
        blocked = o.contested or o.recovery or o.secret_problem
        if blocked is not None or o.known_pool.spec is None:
            return blocked
        differ = [f"Secret {each.name}" for each in project(o.ledger, o.spec) if not is_current(o, each)]
        if not differ and REPAIR not in o.troubles:
            return None
        trouble = o.troubles.get("publish") or o.troubles.get(REPAIR) or o.troubles.get(ADORN)
        if trouble is not None:
            return Problem(trouble.reason, trouble.message, trouble.needs_person)
        return Problem(Reason.SECRETS_DIFFER, f"to be written: {', '.join(differ)}", stalls=False)

    @cached_property
    def pending(self) -> Problem:
        """Why the pool is not where it should be, while no person is needed."""
        o = self.o
        troubles = [o.troubles.get(activity) for activity in ("create", "publish", "cluster")]
        troubles += [trouble for activity, trouble in o.troubles.items() if activity.startswith(("probe:", "update:"))]
        trouble = next((trouble for trouble in troubles if trouble is not None), None)
        if trouble is not None:
            return Problem(trouble.reason, trouble.message, stalls=False)
        if (problem := o.refused or o.provider_problem or _no_values(o)) is not None:
            return problem
        if o.grip is Grip.ENGAGED:
            return Problem(Reason.MOST_KEYS_REJECTED, BRAKE, stalls=False)
        if (waits := waits_for_its_turn(o, self.now) or _waits_for_its_limit(o, self.now)) is not None:
            return waits
        if self.is_satisfied and self.o.ledger.satisfied_generation != o.known_pool.generation:
            return Problem(Reason.UPDATING, "keys are being brought up to date with the spec", stalls=False)
        size = o.known_pool.spec.size if o.known_pool.spec is not None else 0
        return Problem(Reason.CREATING_KEYS, f"keys are being created and checked; wanted: {size}", stalls=False)

    @property
    def nothing_to_publish(self) -> bool:
        """Whether no key is ready to stand in a Secret."""
        return not usable(self.o.ledger)


def _waits_for_its_limit(o: Observation, now: datetime) -> Problem | None:
    text = empty_until(o, now)
    return Problem(Reason.SPEND_LIMIT_REACHED, text, stalls=False) if text is not None else None


def is_rejected(o: Observation, key: KeyRecord) -> bool:
    """Whether the provider said no when it last said yes or no."""
    check = o.checks.get(key.name)
    return key.state is KeyState.WITHDRAWN or (check is not None and not check.accepted)


def _no_values(o: Observation) -> Problem | None:
    """People's Secret has none yet, or too few."""
    if o.supply is None:
        return None
    if o.supply.missing:
        return Problem(o.supply.reason, o.supply.missing, stalls=False)
    text = f"values: {len(o.supply.values)}, wanted: {o.spec.size}"
    return Problem(Reason.VALUES_MISSING, text, stalls=False) if len(o.supply.values) < o.spec.size else None


def _is_dead(o: Observation, key: KeyRecord, now: datetime) -> bool:
    """It ran out, or was rejected so often that it counts as lost."""
    check = o.checks.get(key.name)
    often = check is not None and check.rejections >= o.effective.failure_threshold and not is_hurried(o, check)
    return (often and o.grip is Grip.FREE) or has_expired(o, key, now)
