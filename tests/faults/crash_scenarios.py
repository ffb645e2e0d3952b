"""What is crashed: a pool that is created, rotated, healed and deleted."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from tests.faults.stage import TIMES, UNHURRIED, Stage

Act = Callable[[Stage, str], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`act` is what the operator reacts to; its effects from there on are the crash points. `spec` is the pool's.
    `creates`: `act` makes provider and pool; `fresh`: every run has a pool of its own; `names`: the provider lists
    names; `ends`: a published key is ended outside; `deletes`: the pool goes."""

    name: str
    act: Act
    spec: dict[str, Any]
    creates: bool = False
    fresh: bool = False
    names: bool = True
    ends: bool = False
    deletes: bool = False


async def create(stage: Stage, pool: str) -> None:
    """A team applies provider and pool."""
    await stage.make_provider()
    await stage.make_pool(pool, UNHURRIED)


async def rotate(stage: Stage, pool: str) -> None:
    """A person asks for new keys."""
    await stage.team.annotate(pool, rotate=str(len(stage.made())))


async def heal(stage: Stage, pool: str) -> None:
    """Somebody deletes the primary key at the provider; the next probe tells."""
    value = await stage.team.value(pool)
    key = next(key for key in stage.live(pool) if key.value == value)
    await stage.simulator.change_key(key.id, "delete")
    await stage.pass_time(pool)


async def delete(stage: Stage, pool: str) -> None:
    """The pool is deleted, with the policy Revoke."""
    await stage.team.delete(pool)


SCENARIOS = (
    Scenario("create", create, UNHURRIED, creates=True, fresh=True),
    Scenario("create without names", create, UNHURRIED, creates=True, fresh=True, names=False),
    Scenario("rotate", rotate, UNHURRIED),
    Scenario("heal", heal, TIMES, ends=True),
    Scenario("delete", delete, UNHURRIED, fresh=True, deletes=True),
)
