"""What the operator does where a provider can more: values that are ours to choose, keys that are disabled first,
limits that are changed in place. The provider is the fake; all else is real."""

import asyncio
import io
import json
from datetime import timedelta
from typing import Any

import pytest

from keypool.core.capabilities import Capabilities
from keypool.core.limits import Limits
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.fake import FakeProvider
from keypool.providers.protocol import CreatedKey, NewKey
from tests.cluster.canaries import leaks
from tests.cluster.conftest import OperatorMaker
from tests.cluster.ledgers import Ledgers
from tests.cluster.running import Clock, Operator
from tests.cluster.team import Team, pool_manifest
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("provider")

ABLE = Capabilities(lists_names=True, sets_rate_limit=True, chooses_value=True, disables_keys=True, changes_limits=True)
UNHURRIED: dict[str, Any] = {"rotation": {"overlap": {"min": "30s"}}, "health": {"probeEvery": "24h"}}


class Fake(FakeProvider):
    """The fake. While `answers` is not set, it makes keys and does not answer."""

    def __init__(self) -> None:
        super().__init__(capabilities=ABLE)
        self.answers = asyncio.Event()
        self.answers.set()

    async def create(self, key: NewKey) -> CreatedKey:
        """Makes the key, and answers when it may."""
        created = await super().create(key)
        await self.answers.wait()
        return created


@pytest.fixture
def fake() -> Fake:
    """What the provider really holds."""
    return Fake()


@pytest.fixture
async def able(make_operator: OperatorMaker, fake: Fake) -> Operator:
    """A running operator whose provider is the fake."""
    one = make_operator("one")
    one.build = lambda *_, **__: fake
    await one.start()
    return one


async def later(team: Team, clock: Clock, by: timedelta) -> None:
    """Time passes, and the operator looks at the pool."""
    clock.advance(by)
    await team.poke()


def values(fake: Fake) -> set[str]:
    """Those that the provider accepts."""
    return {key.value.get_secret_value() for key in fake.keys.values() if key.active}


@pytest.mark.row("UNRESOLVED", "ANSWERED")
async def test_a_lost_answer_costs_no_key_where_the_value_is_ours_to_choose(
    able: Operator, fake: Fake, team: Team, ledgers: Ledgers, logs: io.StringIO
) -> None:
    fake.fail("create", Ambiguous("the answer was lost"))
    await team.apply(pool_manifest(**UNHURRIED))
    await team.ready()
    assert len(fake.called("create")) == 2
    assert len(set(fake.called("create"))) == len(fake.keys) == 1
    assert await team.values() == values(fake)
    assert [key["state"] for key in await ledgers.keys()] == ["active"]
    await able.stop()
    assert not leaks(list(values(fake)), {"log": logs.getvalue().encode(), "audit": able.audit_text().encode()})


@pytest.mark.row("UNRESOLVED", "ANSWERED")
async def test_a_restart_between_intent_and_answer_leaves_one_key_and_holds_none(
    able: Operator, fake: Fake, team: Team, ledgers: Ledgers
) -> None:
    fake.answers.clear()
    await team.apply(pool_manifest(**UNHURRIED))
    await eventually(lambda: _is(bool(fake.keys)), 10, "the key is made, and its answer under way")
    (intent,) = await ledgers.keys("chat", "intended")
    assert {intent["value"]} == values(fake), "the value was durable before the call"
    await able.kill()
    fake.answers.set()
    await able.start()
    await team.ready()
    assert await team.values() == values(fake) == {intent["value"]}
    assert len(fake.keys) == 1


@pytest.mark.row("UNRESOLVED", "FOUND_WHOLE")
@pytest.mark.usefixtures("able")
async def test_after_a_refused_repetition_the_key_is_found_by_its_name_and_published(
    fake: Fake, team: Team, clock: Clock
) -> None:
    fake.fail("create", Ambiguous("the answer was lost"), Rejected("the name is taken"))
    await team.apply(pool_manifest(**UNHURRIED))
    await eventually(lambda: _is(len(fake.called("create")) == 2), 10, "it is tried again")
    await later(team, clock, timedelta(minutes=1))
    await team.ready()
    assert await team.values() == values(fake)
    assert len(fake.called("create")) == 2


async def rotated(team: Team, clock: Clock, fake: Fake) -> Any:
    """The old key's name at the provider, after a rotation and its overlap."""
    await team.apply(pool_manifest(**UNHURRIED))
    await team.ready()
    before = await team.value()
    (old,) = fake.keys.values()
    await team.annotate("chat", rotate="now")
    await team.changes(before)
    await team.until("chat", lambda pool: pool["status"]["counts"]["draining"] == 1)
    await later(team, clock, timedelta(seconds=31))
    await team.until("chat", lambda pool: pool["status"]["counts"]["disabled"] == 1)
    return old


@pytest.mark.row("DRAINING", "DISUSED")
@pytest.mark.row("DISABLED", "QUIET")
@pytest.mark.usefixtures("able")
async def test_a_replaced_key_is_disabled_and_deleted_only_after_the_quiet_period(
    fake: Fake, team: Team, clock: Clock
) -> None:
    old = await rotated(team, clock, fake)
    assert not old.active
    await later(team, clock, timedelta(minutes=58))
    await team.considered()
    assert old.handle in fake.keys
    await later(team, clock, timedelta(minutes=2))
    await eventually(lambda: _is(old.handle not in fake.keys), 10, "it is deleted")
    assert await team.values() == values(fake)


@pytest.mark.row("DISABLED", "UNDONE")
@pytest.mark.usefixtures("able")
async def test_a_disabled_key_is_brought_back_by_annotation_and_drains_anew(
    fake: Fake, team: Team, clock: Clock
) -> None:
    old = await rotated(team, clock, fake)
    (shown,) = await team.keys("chat", "disabled")
    await team.annotate("chat", **{"undo-revoke": f"{shown['fingerprint']}@needed"})
    await eventually(lambda: _is(old.active), 10, "it works again")
    pool = await team.until("chat", lambda pool: pool["status"]["counts"]["draining"] == 1)
    assert pool["status"]["handled"]["undoRevoke"] == f"{shown['fingerprint']}@needed"
    await later(team, clock, timedelta(seconds=25))
    await team.considered()
    assert old.active
    await later(team, clock, timedelta(seconds=10))
    await eventually(lambda: _is(not old.active), 10, "its new overlap is over")


@pytest.mark.row("DISABLED", "POOL_DELETED")
@pytest.mark.usefixtures("able")
async def test_a_deleted_pool_leaves_no_disabled_key(fake: Fake, team: Team, clock: Clock) -> None:
    await rotated(team, clock, fake)
    await team.delete()
    await team.gone()
    assert fake.keys == {}


@pytest.mark.usefixtures("able")
async def test_limits_are_changed_in_place_and_shown_to_workloads(able: Operator, fake: Fake, team: Team) -> None:
    await team.apply(pool_manifest(size=2, **UNHURRIED))
    await team.ready()
    before = await team.values()
    await team.patch("chat", key={"rateLimit": {"requestsPerMinute": 60}})
    await team.ready()
    assert {key.limits for key in fake.keys.values()} == {Limits(requests_per_minute=60)}
    listed = json.loads((await team.secret_data("chat-pool"))["keys.json"])["keys"]
    assert [key["limits"] for key in listed] == [{"requestsPerMinute": 60}] * 2
    assert await team.values() == before
    assert len(fake.called("create")) == 2
    told = [json.loads(line) for line in able.audit_text().splitlines()]
    changed = [line for line in told if line.get("event") == "limits changed"]
    assert [line["may"]["requests_per_minute"] for line in changed] == [60, 60]
    assert {line["by"]["manager"] for line in changed} != {"keypool"}, "whoever changed the spec"


async def _is(condition: bool) -> bool:
    return condition
