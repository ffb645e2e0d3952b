"""health.lua on what the operator itself concludes: no situation of its own is read as better than it is."""

from itertools import product
from typing import Any

import pytest

from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import as_conditions
from keypool.core.observation import Observation, Problem
from keypool.core.provider_situations import ProviderSight, Standing, findings_of_provider
from keypool.core.reasons import Reason
from tests.unit.argocd import judge
from tests.unit.core.builders import DOWN, FOREIGN, NOW, a_key, a_ledger, a_pool, a_spec, accepted, concluded, seen

KEYS = (a_key(0), a_key(1))
WAITS = Problem(Reason.SPEC_INVALID, "the admin credential is not there")
LATER = Problem(Reason.PROVIDER_UNAVAILABLE, "the provider does not answer", stalls=False)


def live(**facts: Any) -> Observation:
    """A pool whose keys are published and satisfy its generation, but for what is given."""
    pool = a_pool(**{name: facts.pop(name) for name in ("deleted_at", "spec", "generation") if name in facts})
    return seen(ledger=a_ledger(*KEYS, satisfied_generation=1), pool=pool, checks=accepted("active-0", "active-1"))


POOLS: dict[str, tuple[Observation, tuple[Problem, ...], str]] = {
    "new": (seen(), (), "Progressing"),
    "new, and its provider does not answer": (seen(), (DOWN,), "Progressing"),
    "new, and its Secret is somebody else's": (seen(), (FOREIGN,), "Degraded"),
    "new and suspended": (seen(pool=a_pool(spec=a_spec(suspend=True))), (), "Suspended"),
    "live": (live(), (), "Healthy"),
    "live and suspended": (live(spec=a_spec(suspend=True)), (), "Suspended"),
    "live, and a person is needed": (live(), (FOREIGN,), "Degraded"),
    "live and changed": (live(generation=2), (), "Progressing"),
    "live and being deleted": (live(deleted_at=NOW), (), "Progressing"),
    "without a live key": (seen(ledger=a_ledger(satisfied_generation=1)), (), "Degraded"),
}


@pytest.mark.parametrize("what", POOLS)
def test_a_pool_that_is(what: str) -> None:
    """Concluded as the operator does."""
    o, problems, right = POOLS[what]
    assert o.pool is not None
    metadata = {"generation": o.pool.generation, "deletionTimestamp": "now" if o.pool.deleted_at else None}
    spec = {"suspend": o.spec.suspend}
    status = concluded(o, *problems).dump()
    assert judge({"metadata": metadata, "spec": spec, "status": status}).status == right


STANDINGS = [Standing(*pair) for pair in product((None, WAITS, LATER), (None, WAITS, LATER))]


def provider_status(standing: Standing, grip: Grip, schedule: Problem | None, known: Capabilities | None) -> Any:
    """The status as the operator writes it."""
    found = as_conditions(findings_of_provider(ProviderSight(standing, grip, schedule, known)), {}, 2, (), NOW)
    return {"observedGeneration": 2, "conditions": [each.dump() for each in found]}


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_provider_is_healthy_only_where_nothing_is_wrong_with_it(standing: Standing) -> None:
    """In progress while time may help (also while it rejects most keys), degraded where a person must, whatever else is
    known of it."""
    worst = standing.worst
    right = "Healthy" if worst is None else "Degraded" if worst.stalls else "Progressing"
    for grip, schedule, known in product(Grip, (None, LATER), (None, Capabilities(lists_keys=False))):
        obj = {"metadata": {"generation": 2}, "spec": {}, "status": provider_status(standing, grip, schedule, known)}
        assert judge(obj).status == ("Progressing" if right == "Healthy" and grip is Grip.ENGAGED else right)
