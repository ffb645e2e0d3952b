"""health.lua on what the operator itself says: no situation is read as better, or as worse, than it is."""

from itertools import product
from typing import Any

import pytest

from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import as_conditions
from keypool.core.observation import Problem
from keypool.core.provider_situations import ProviderSight, Standing, findings_of_provider
from keypool.core.reasons import Reason
from keypool.core.situation import Finding, fold
from keypool.core.situations import SITUATIONS
from keypool_lab.examples import EXAMPLES, NOW, OF_PROVIDERS
from tests.unit.argocd import judge

PROGRESSING = {
    "A reported leak is not contained",
    "A pass failed in a way that nobody foresaw",
    "A part of a pass failed in a way that nobody foresaw",
    "A reported leak is not contained yet",
    "The pool is being deleted",
    "The ledger is gone or not to be believed, and a Secret stands",
    "The ledger is gone or not to be believed",
    "A restored ledger is being checked",
    "A Secret is not what it must be",
    "The provider rejects most keys of the account",
    "The published key was rejected, and is asked about again",
    "Keys are there, and none is in the Secret",
    "No published key is live",
    "Keys are made for the first time",
    "The spec changed",
    "New keys are asked for too fast",
    "The cluster does not take what has to be written",
    "No key is ready for the Secret",
    "The provider rejects most keys of the account, or of a part of it",
}
SUSPENDED = {"Suspended before there are keys", "Suspended"}
DEGRADED = {
    "A person is needed",
    "The spec cannot be read any more",
    "The spec cannot be read",
    "No published key is live, and the pool is suspended",
    "A person is needed before there are keys",
}
HEALTHY = dict.fromkeys(EXAMPLES, "Healthy")  # a live key is published, whatever else is amiss
RIGHT = HEALTHY | dict.fromkeys(PROGRESSING, "Progressing") | dict.fromkeys(SUSPENDED, "Suspended")
RIGHT |= dict.fromkeys(DEGRADED, "Degraded")


def status(found: tuple[Finding, ...], generation: int) -> Any:
    """As the operator writes it."""
    conditions = [each.dump() for each in as_conditions(found, {}, generation, (), NOW)]
    return {"observedGeneration": generation, "conditions": conditions}


@pytest.mark.parametrize("situation", RIGHT)
def test_a_pool_in_the_situation(situation: str) -> None:
    """Every row of docs/conditions.md."""
    sight = EXAMPLES[situation]()
    pool = sight.o.known_pool
    metadata = {"generation": pool.generation, "deletionTimestamp": "now" if pool.deleted_at else None}
    spec = {"suspend": pool.spec is not None and pool.spec.suspend}
    obj = {"metadata": metadata, "spec": spec, "status": status(fold(SITUATIONS, sight), pool.generation)}
    assert judge(obj).status == RIGHT[situation]


def of_provider(sight: ProviderSight) -> str:
    """The health of a provider object."""
    return judge({"metadata": {"generation": 2}, "spec": {}, "status": status(findings_of_provider(sight), 2)}).status


def test_a_provider_in_each_situation() -> None:
    """Every row of docs/conditions.md."""
    assert {situation: of_provider(sight) for situation, sight in OF_PROVIDERS.items()} == {
        "A person is needed": "Degraded",
        "What the object says is not used yet": "Progressing",
        "Nobody asked it yet since the operator started": "Progressing",
        "It cannot be used": "Progressing",
        "It rejects most keys of the account": "Progressing",
        "The schedule exceeds the budget": "Healthy",
        "There is no credential to check": "Healthy",
        "Nothing else": "Healthy",
    }


PERSON = Problem(Reason.SPEC_INVALID, "the endpoint is not one")
LATER = Problem(Reason.PROVIDER_UNAVAILABLE, "the provider does not answer", stalls=False)
STANDINGS = [Standing(now, coming) for now, coming in product((None, PERSON, LATER), repeat=2)]


@pytest.mark.parametrize("standing", STANDINGS)
def test_a_provider_is_healthy_only_where_nothing_is_wrong_with_it(standing: Standing) -> None:
    """In progress while time may help, degraded where a person must, whatever else is known of it."""
    worst = standing.worst
    for grip, schedule, known in product(Grip, (None, LATER), (None, Capabilities(lists_keys=False))):
        sound = "Progressing" if grip is Grip.ENGAGED else "Healthy"
        right = sound if worst is None else "Degraded" if worst.stalls else "Progressing"
        assert of_provider(ProviderSight(standing, grip, schedule, known)) == right
