"""The record judges all other tests, so it must be right: after each call, after a restart, after a SIGKILL."""

import asyncio
import os
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from keypool_lab.simulator import Fault, Options, Simulator
from tests.contract.simulator_client import Client, client_of
from tests.waiting import eventually, within

ADMIN = "admin-key-of-this-test"


@asynccontextmanager
async def process(state: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A simulator in a process of its own, and its URL; killed at the end."""
    running = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "keypool_lab.simulator", "--state", str(state)),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "KEYPOOL_LAB_ADMIN_KEY": ADMIN},
    )
    try:
        assert running.stdout
        line = await within(running.stdout.readline(), 60)
        yield running, line.decode().strip()
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_a_key_is_recorded_with_all_its_terms(simulator: Simulator, client: Client) -> None:
    made = await client.create(name="mine", rate_limit_rpm=5, scopes=["chat:write"], expires_in_days=2)
    [key] = simulator.record.keys()
    assert (key.id, key.value, key.name, key.rpm, key.scopes) == (made["id"], made["key"], "mine", 5, ("chat:write",))
    assert key.expires - key.created == pytest.approx(2 * 86400)


async def test_who_used_which_key_is_recorded_before_the_answer_leaves(simulator: Simulator, client: Client) -> None:
    one, other = await client.create(), await client.create()
    await client.chat(one["key"])
    [use] = simulator.record.uses(one["id"])
    assert (use.kind, use.status, use.fault) == ("use", 200, None)
    assert "aiohttp" in use.client
    assert simulator.record.uses(other["id"]) == ()


async def test_a_refused_use_is_recorded_with_its_status(simulator: Simulator, client: Client) -> None:
    key = await client.create()
    await simulator.change_key(key["id"], "disable")
    await client.chat(key["key"])
    assert [use.status for use in simulator.record.uses(key["id"])] == [401]


async def test_every_call_is_recorded_in_order(simulator: Simulator, client: Client) -> None:
    key = await client.create()
    await client.listed()
    await client.valid(key["key"])
    await client.chat(key["key"])
    await client.admin("DELETE", f"/keys/{key['id']}")
    await client.admin("GET", "/nowhere")
    kinds = [(call.kind, call.status) for call in simulator.record.calls()]
    assert kinds == [
        ("create", 201),
        ("list", 200),
        ("validate", 200),
        ("use", 200),
        ("delete", 204),
        ("other", 404),
    ]


async def test_a_lost_create_counts_as_a_mutation_and_a_prevented_one_does_not(
    simulator: Simulator, client: Client
) -> None:
    for when in ("after", "before"):
        simulator.faults.add(Fault(kind="cut", match="create", count=1, when=when))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.create()
    assert simulator.record.mutations() == {"created": 1}
    assert [(call.status, call.fault) for call in simulator.record.calls("create")] == [(201, "cut"), (None, "cut")]


async def test_of_many_deletions_at_once_exactly_one_counts(simulator: Simulator, client: Client) -> None:
    key = await client.create()
    answers = await asyncio.gather(*(client.admin("DELETE", f"/keys/{key['id']}") for _ in range(8)))
    assert sorted(status for status, _ in answers) == [204, *[404] * 7]
    assert simulator.record.mutations() == {"created": 1, "deleted by api": 1}


async def test_live_keys_are_those_that_work_at_the_time(simulator: Simulator, client: Client) -> None:
    live, disabled, deleted = [(await client.create())["id"] for _ in range(3)]
    await simulator.change_key(disabled, "disable")
    await simulator.change_key(deleted, "delete")
    [key] = simulator.record.live_keys()
    assert key.id == live
    assert simulator.record.live_keys(key.expires) == ()


async def test_no_repr_of_a_recorded_key_shows_its_value(simulator: Simulator, client: Client) -> None:
    made = await client.create()
    assert made["key"] not in repr(simulator.record.keys())


async def test_over_http_the_record_shows_values_only_when_asked(client: Client) -> None:
    made = await client.create()
    _, plain = await client.admin("GET", "/_lab/record?calls=any")
    _, full = await client.admin("GET", "/_lab/record?values=1")
    assert made["key"] not in str(plain)
    assert plain["mutations"] == {"created": 1}
    assert [call["kind"] for call in plain["calls"]] == ["create"]
    assert [key["value"] for key in full["keys"]] == [made["key"]]


async def test_a_restart_keeps_keys_calls_and_admin_key(tmp_path: Path) -> None:
    options = Options(state=tmp_path / "record.sqlite")
    async with Simulator(options) as first, client_of(first.url, first.admin_key) as client:
        kept, gone, off = [await client.create() for _ in range(3)]
        await client.chat(kept["key"])
        await client.admin("DELETE", f"/keys/{gone['id']}")
        await first.change_key(off["id"], "disable")
    async with Simulator(options) as second, client_of(second.url, first.admin_key) as client:
        assert second.record.keys() == first.record.keys()
        assert second.record.calls() == first.record.calls()
        assert (await client.chat(kept["key"]))[0] == 200


async def test_a_key_is_on_disk_when_its_creation_is_answered_even_if_the_process_is_killed(tmp_path: Path) -> None:
    state, made = tmp_path / "record.sqlite", []
    async with process(state) as (running, url), client_of(url, ADMIN) as client:
        made = [(await client.create())["id"] for _ in range(20)]
        await client.admin("DELETE", f"/keys/{made[0]}")
        running.send_signal(signal.SIGKILL)
        await running.wait()
    async with Simulator(Options(state=state)) as again:
        assert [key.id for key in again.record.keys()] == made  # noqa: SIM118 (not a mapping)
        assert again.record.mutations() == {"created": 20, "deleted by api": 1}


async def test_a_use_is_on_disk_soon_after(tmp_path: Path) -> None:
    state = tmp_path / "record.sqlite"
    async with Simulator(Options(state=state)) as simulator, client_of(simulator.url, simulator.admin_key) as client:
        await client.chat((await client.create())["key"])

        async def written() -> int:
            with sqlite3.connect(state) as reader:
                return int(reader.execute("SELECT count(*) FROM calls WHERE kind = 'use'").fetchone()[0])

        assert await eventually(written, deadline=5) == 1


async def test_a_terminated_process_ends_cleanly_with_everything_written(tmp_path: Path) -> None:
    state = tmp_path / "record.sqlite"
    async with process(state) as (running, url), client_of(url, ADMIN) as client:
        await client.chat((await client.create())["key"])
        running.terminate()
        assert await within(running.wait(), 40) == 0
    async with Simulator(Options(state=state)) as again:
        assert [call.kind for call in again.record.calls()] == ["create", "use"]
