"""What a rule answers, and what a chain of rules adds up to. Purely computational."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from keypool.core.actions import Action
from keypool.core.ledger import Ledger
from keypool.core.observation import Observation, Problem


class Decision(NamedTuple):
    """One rule's answer. `because` is its reason in plain words; `final` ends the chain.

    A tuple, as there are some thirty to each pass, and a frozen dataclass takes four times as long to make.
    """

    because: str
    ledger: Ledger | None = None
    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()
    wake_at: datetime | None = None
    final: bool = False


class Verdict(NamedTuple):
    """A rule's name and its reason, kept so that a decision can be explained."""

    rule: str
    because: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now: store `ledger` where it differs from the observed one, then carry out `actions`.

    `wake_at` is when to look again when nothing else happens before; None for never.
    """

    ledger: Ledger
    actions: tuple[Action, ...] = ()
    problems: tuple[Problem, ...] = ()
    verdicts: tuple[Verdict, ...] = field(default=())
    wake_at: datetime | None = None


Rule = Callable[[Observation, "Plan", datetime], Decision]


def run_chain(rules: Sequence[Rule], observation: Observation, now: datetime) -> Plan:
    """Applies the rules in order, each seeing the ledger and the actions of those before it."""
    plan, verdicts = Plan(ledger=observation.ledger), list[Verdict]()
    for rule in rules:
        decision = rule(observation, plan, now)
        verdicts.append(Verdict(rule.__name__, decision.because))
        plan = _with(plan, decision)
        if decision.final:
            break
    return replace(plan, verdicts=tuple(verdicts))


def _with(plan: Plan, decision: Decision) -> Plan:
    """Most rules have nothing to add."""
    same_ledger = decision.ledger is None or decision.ledger is plan.ledger
    if same_ledger and not decision.actions and not decision.problems and decision.wake_at is None:
        return plan
    return Plan(
        ledger=decision.ledger or plan.ledger,
        actions=plan.actions + decision.actions,
        problems=plan.problems + decision.problems,
        wake_at=earliest(plan.wake_at, decision.wake_at),
    )


def earliest(*moments: datetime | None) -> datetime | None:
    """The first of the given moments, None when there is none."""
    return min((moment for moment in moments if moment is not None), default=None)
