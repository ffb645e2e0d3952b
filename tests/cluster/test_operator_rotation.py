"""What rotates keys, what does not, and how many at once."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool_lab.simulator import Options, Simulator
from tests.cluster.ledgers import Ledgers, ledger_in
from tests.cluster.running import Clock
from tests.cluster.team import Object, Team, pool_manifest
from tests.cluster.workload import works
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("operator", "provider")

NO_OVERLAP = {"overlap": {"min": "0s"}}


def asking(token: str, **spec: Any) -> Object:
    """A pool whose manifest asks for a rotation."""
    manifest = pool_manifest(rotation=NO_OVERLAP, **spec)
    manifest["metadata"]["annotations"] = {"keypool.dev/rotate": token}
    return manifest


def live(simulator: Simulator) -> set[str]:
    """Values of the keys that are live upstream."""
    return {key.value for key in simulator.record.live_keys()}


async def test_a_rotate_annotation_replaces_every_key_once(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(size=2, rotation=NO_OVERLAP))
    await team.ready()
    before = await team.values()
    await team.apply(asking("one", size=2))
    await team.until("chat", lambda pool: (pool["status"].get("handled") or {}).get("rotate") == "one")

    async def replaced() -> bool:
        return not live(simulator) & before and len(live(simulator)) == 2

    await eventually(replaced, 15, "both keys are replaced and revoked")
    await team.considered()
    assert await team.values() == live(simulator)
    assert simulator.record.mutations() == {"created": 4, "deleted by api": 2}


async def test_the_same_token_again_does_nothing_and_another_one_rotates_again(
    team: Team, simulator: Simulator
) -> None:
    await team.apply(pool_manifest(rotation=NO_OVERLAP))
    await team.ready()
    first = await team.value()
    await team.apply(asking("one"))
    second = await team.changes(first)
    await team.until(
        "chat",
        lambda pool: (pool["status"].get("handled") or {}).get("rotate") == "one" and len(pool["status"]["keys"]) == 1,
    )
    assert "unchanged" in await team.apply(asking("one"))
    await team.annotate("chat", rotate=None)
    await team.considered()
    await team.annotate("chat", rotate="one")
    await team.considered()
    assert await team.value() == second
    assert simulator.record.mutations()["created"] == 2
    await team.annotate("chat", rotate="two")
    await team.changes(second)


async def test_a_token_that_stands_in_the_first_manifest_makes_no_second_key(team: Team, simulator: Simulator) -> None:
    await team.apply(asking("from-the-start"))
    await team.ready()
    await team.considered()
    assert simulator.record.mutations() == {"created": 1}


@pytest.mark.parametrize(
    ("change", "born_with"),
    [
        ({"scopes": ["chat:write"]}, (("chat:write",), 3000)),
        ({"rateLimit": {"requestsPerMinute": 11}}, (("chat:write", "embeddings:write"), 11)),
    ],
    ids=["scopes", "rate limit"],
)
async def test_a_change_of_what_a_key_has_from_birth_rotates_all_keys(
    team: Team, simulator: Simulator, change: Object, born_with: tuple[tuple[str, ...], int]
) -> None:
    await team.apply(pool_manifest(size=2, rotation=NO_OVERLAP))
    await team.ready()
    before = await team.values()
    await team.patch("chat", key=change)
    await team.ready()
    after = await team.values()
    assert len(after) == 2
    assert not after & before
    assert {(key.scopes, key.rpm) for key in simulator.record.live_keys() if key.value in after} == {born_with}


async def test_no_other_change_rotates_a_key(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    values = await team.values()
    for change in (
        {"rotation": {"overlap": {"min": "1m"}}},
        {"rotation": {"every": "48h"}},
        {"rotation": {"maxSurge": 2, "renewBefore": "30m"}},
        {"key": {"lifetime": "100h"}},
        {"secret": {"labels": {"team": "a"}, "keys": {"apiKey": "KEY"}}},
        {"health": {"probeEvery": "1m"}},
        {"deletionPolicy": "RevokeAndWait"},
        {"suspend": True},
        {"suspend": False},
        {"size": 3},
        {"size": 2},
    ):
        await team.patch("chat", **change)
        await team.ready()
        assert values <= {*await team.pool_values()}, change
    assert simulator.record.mutations()["created"] == 3, "one for the third slot"


async def test_slots_take_turns_over_the_interval(team: Team, clock: Clock) -> None:
    """With two slots and a day, the first rotates after half a day, the second after a whole one."""
    await team.apply(pool_manifest(size=2, rotation={"every": "24h", **NO_OVERLAP}))
    await team.ready()
    first, second = await team.pool_values()
    clock.advance(timedelta(hours=11))
    await team.considered()
    assert await team.pool_values() == [first, second]
    clock.advance(timedelta(hours=2))
    await team.poke()
    await team.changes(first)
    pool = await team.considered()
    assert (await team.pool_values())[1] == second
    assert (pool["status"]["nextRotation"]["slot"], pool["status"]["nextRotation"]["why"]) == (1, "every 24h")
    third = await team.value()
    clock.advance(timedelta(hours=12))
    await team.poke()

    async def turned() -> bool:
        values = await team.pool_values()
        return values[0] == third and values[1] != second

    await eventually(turned, 15, "the second slot rotates, the first does not")


async def test_a_key_is_replaced_before_it_expires(team: Team, clock: Clock) -> None:
    """By default a tenth of the lifetime before its end."""
    await team.apply(pool_manifest(key={"lifetime": "1h"}, rotation={"every": "8760h", "overlap": {"min": "1m"}}))
    await team.ready()
    first = await team.value()
    clock.advance(timedelta(minutes=53))
    pool = await team.considered()
    assert await team.value() == first
    assert pool["status"]["nextRotation"]["why"] == "6m before expiry"
    clock.advance(timedelta(minutes=2))
    await team.poke()
    await team.changes(first)
    assert (await team.condition("chat", "Ready"))["status"] == "True"


class TestSurge:
    """How many slots rotate at once."""

    @pytest.fixture
    async def simulator(self) -> AsyncIterator[Simulator]:
        """A provider that takes its time, so that creates could overlap."""
        async with Simulator(Options(latency=0.1)) as running:
            yield running

    @pytest.mark.parametrize("surge", [1, 2])
    async def test_no_more_slots_rotate_at_once_than_max_surge_allows(
        self, team: Team, simulator: Simulator, ledgers: Ledgers, surge: int
    ) -> None:
        await team.apply(pool_manifest(size=4, rotation={"maxSurge": surge, **NO_OVERLAP}))
        await team.ready()
        before = await team.values()
        async with team.history(paths.secrets(ledgers.namespace), await ledgers.name()) as versions:
            await team.annotate("chat", rotate="now")

            async def replaced() -> bool:
                return not await team.values() & before

            await eventually(replaced, 30)
        rotating = [
            sum(key["state"] in {"intended", "created"} for key in ledger_in(version)["keys"]) for version in versions
        ]
        assert max(rotating) == surge


async def test_a_compromised_key_is_replaced_and_revoked_without_an_overlap(team: Team, simulator: Simulator) -> None:
    """The other key stays; the overlap of ten minutes does not count."""
    await team.apply(pool_manifest(size=2))
    pool = await team.ready()
    bad, good = await team.pool_values()
    fingerprint = next(key["fingerprint"] for key in pool["status"]["keys"] if key["slot"] == 0)
    await team.annotate("chat", compromised=fingerprint)

    async def dead() -> bool:
        return bad not in live(simulator)

    await eventually(dead, 15)
    values = await team.pool_values()
    assert bad not in values
    assert values[1] == good
    assert live(simulator) == set(values)
    assert await works(simulator, await team.value())


async def test_all_keys_can_be_reported_compromised_once_per_token(team: Team, simulator: Simulator) -> None:
    await team.apply(pool_manifest(size=2))
    await team.ready()
    before = await team.values()
    await team.annotate("chat", compromised="all@leak-1")

    async def dead() -> bool:
        return not live(simulator) & before

    await eventually(dead, 15)
    await team.considered()
    assert live(simulator) == await team.values()
    assert simulator.record.mutations() == {"created": 4, "deleted by api": 2}


async def test_a_rotation_is_told_once_the_secret_has_the_new_key(team: Team) -> None:
    """By an Event and in the status: which key replaces which, and until when the old one works."""
    await team.apply(pool_manifest())
    before = await team.ready()
    assert "lastRotation" not in before["status"]
    first = await team.value()
    await team.annotate("chat", rotate="now")
    await team.changes(first)
    status = (await team.until("chat", lambda pool: pool["status"].get("lastRotation")))["status"]
    old, new = before["status"]["primaryFingerprint"], status["primaryFingerprint"]
    last = status["lastRotation"]
    assert (last["oldFingerprint"], last["newFingerprint"], last["reason"]) == (old, new, "requested")
    told = await team.told("KeyRotated")
    assert told["type"] == "Normal"
    assert f"{new} replaces {old}, which works until {last['oldKeyWorksUntil']}" in told["note"]


async def test_a_second_rotation_that_is_asked_for_too_soon_says_when_it_begins(team: Team) -> None:
    """It waits for the overlap of the last one, which nobody would guess."""
    await team.apply(pool_manifest())
    await team.ready()
    first = await team.value()
    await team.annotate("chat", rotate="one")
    await team.changes(first)
    rotated = await team.until("chat", lambda pool: pool["status"].get("lastRotation"))
    await team.annotate("chat", rotate="two")
    pool = await team.until("chat", lambda pool: pool["status"]["nextRotation"]["why"].startswith("requested; waits"))
    begins = pool["status"]["nextRotation"]["at"]
    assert begins == rotated["status"]["lastRotation"]["oldKeyWorksUntil"]
    assert pool["status"]["nextAction"] == f"rotate slot 0 at {begins[:10]} {begins[11:16]}Z"


async def test_an_overlap_that_mounted_folders_cannot_follow_is_warned_of_once(team: Team) -> None:
    await team.apply(pool_manifest(rotation=NO_OVERLAP))
    pool = await team.ready()
    (warning,) = pool["status"]["warnings"]
    assert warning["reason"] == "OverlapTooShort"
    assert (await team.told("OverlapTooShort"))["note"] == warning["message"]
    await team.considered()
    assert [event["reason"] for event in await team.events()].count("OverlapTooShort") == 1
    await team.patch("chat", rotation={"overlap": {"min": "2m"}})
    await team.until("chat", lambda pool: "warnings" not in pool["status"])


async def test_a_rotation_that_is_asked_for_too_soon_is_told_to_wait_and_until_when(team: Team) -> None:
    """The slot's old key has its overlap; who asked would else wait for minutes, and not know for what."""
    await team.apply(pool_manifest())
    await team.ready()
    before = await team.value()
    await team.annotate("chat", rotate="one")
    await team.changes(before)
    await team.annotate("chat", rotate="two")
    told = await team.told("RotationWaits")
    begins = (await team.status())["nextRotation"]["at"].replace("T", " ")
    assert told["note"].startswith(f"slot 0 rotates at {begins}, not now (requested)")
    assert told["type"] == "Normal"
