"""Readiness and life of a replica: what is asked for, what is told, and when only a new process helps."""

from types import SimpleNamespace
from typing import cast

import pytest

from keypool.cluster.cache import Kind, watched
from keypool.cluster.lease import Leadership
from keypool.health import STUCK, Health, Patience
from keypool.rehearsal import Rehearsal
from keypool.watch.liveness import Liveness


class Replica:
    """Its health, with a clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.lease = SimpleNamespace(is_leader=False, answer_age=lambda: 1.0, attempt_age=lambda: 1.0)
        self.proof = SimpleNamespace(missing=list, notes=list)
        self.health = Health(lambda: self.now, Patience(blind=300.0))
        self.health.leadership = cast("Leadership", self.lease)
        self.health.rehearsal = cast("Rehearsal", self.proof)

    def lead(self) -> Liveness:
        """It takes the lead, and sees everything."""
        self.lease.is_leader = True
        self.health.liveness = liveness = Liveness((), lambda: self.now)
        for kind in watched(()):
            liveness.mark(kind, None)
        return liveness


@pytest.fixture
def replica() -> Replica:
    return Replica()


def test_a_standby_is_ready_when_it_sees_the_lease_and_has_proven_that_it_could_lead(replica: Replica) -> None:
    replica.proof.missing = lambda: ["no right to update secrets"]
    assert replica.health.not_ready() == ["no right to update secrets"]
    replica.proof.missing = list
    assert replica.health.not_ready() == []
    replica.lease.answer_age = lambda: 31.0
    assert replica.health.not_ready() == ["the Lease is out of reach"]
    assert replica.health.not_alive() == [], "an API server that is away is no reason to end"


def test_before_it_has_connected_it_is_alive_and_not_ready() -> None:
    health = Health(lambda: 0.0, Patience())
    assert health.not_ready() == ["starting"]
    assert health.not_alive() == []


def test_a_leader_is_ready_while_it_sees_the_cluster(replica: Replica) -> None:
    liveness = replica.lead()
    assert (replica.health.not_ready(), replica.health.not_alive()) == ([], [])
    replica.now += 200
    assert len(replica.health.not_ready()) == len(watched(()))
    assert replica.health.not_alive() == []
    liveness.listed(Kind.POOL, None)


def test_a_blind_leader_that_cannot_give_the_lease_up_is_not_alive(replica: Replica) -> None:
    replica.lead()
    replica.now += 300 + STUCK
    assert replica.health.not_alive() == []
    replica.now += 1
    assert replica.health.not_alive() == [
        f"sees nothing of the cluster for {301 + STUCK:.0f} s, and has not given the Lease up"
    ]


def test_work_that_outlives_its_lease_is_not_alive(replica: Replica) -> None:
    replica.lead()
    replica.lease.is_leader = False
    assert replica.health.not_alive() == []
    replica.now += STUCK + 1
    assert replica.health.not_alive() == [f"leads no more for {STUCK + 1:.0f} s, and its work has not ended"]


def test_an_election_that_stands_still_is_not_alive(replica: Replica) -> None:
    replica.lease.attempt_age = lambda: STUCK + 1
    assert replica.health.not_alive() == ["the election stands still"]
    replica.health.why = "it sees nothing"
    assert replica.health.not_alive() == [], "it rests"


def test_one_that_gave_the_lease_up_says_why_and_when_it_asks_again(replica: Replica) -> None:
    replica.health.why, replica.health.again = "it sees nothing", replica.now + 42
    assert replica.health.not_ready() == ["gave the Lease up: it sees nothing; asks for it again in 42 s"]
