"""The simulator's faults: each does what it says, to the calls that it matches, as often as it was told."""

import aiohttp
import pytest

from keypool_lab.simulator import Fault, Simulator
from tests.contract.simulator_client import Client


async def test_a_lost_answer_comes_after_the_commit(simulator: Simulator, client: Client) -> None:
    simulator.faults.add(Fault(kind="cut", match="create", count=1))
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.create()
    assert len(simulator.record.live_keys()) == 1


async def test_a_fault_before_the_call_lets_nothing_happen(simulator: Simulator, client: Client) -> None:
    simulator.faults.add(Fault(kind="status", status=503, match="create"))
    assert (await client.admin("POST", "/keys", {"name": "n"}))[0] == 503
    assert simulator.record.keys() == ()


async def test_a_fault_meets_only_the_calls_that_it_matches(simulator: Simulator, client: Client) -> None:
    simulator.faults.add(Fault(kind="status", match="list"))
    key = await client.create()
    assert (await client.admin("GET", "/keys"))[0] == 500
    assert (await client.chat(key["key"]))[0] == 200


async def test_a_fault_ends_with_its_count(simulator: Simulator, client: Client) -> None:
    simulator.faults.add(Fault(kind="status", count=2))
    statuses = [(await client.admin("GET", "/keys"))[0] for _ in range(3)]
    assert statuses == [500, 500, 200]


async def test_a_fault_without_a_count_stays_until_cleared(simulator: Simulator, client: Client) -> None:
    simulator.faults.add(Fault(kind="status"))
    assert [(await client.admin("GET", "/keys"))[0] for _ in range(3)] == [500] * 3
    simulator.faults.clear()
    assert (await client.admin("GET", "/keys"))[0] == 200


async def test_a_truncated_answer_is_half_the_json(simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="truncate"))
    headers = {"Authorization": f"Bearer {simulator.admin_key}"}
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.url}/keys", headers=headers) as response:
        assert (response.status, await response.text()) == (200, '{"keys')


async def test_an_oversized_answer_has_the_size_asked_for(simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="oversize", size=1_000_000))
    async with aiohttp.ClientSession() as session, session.get(f"{simulator.url}/keys") as response:
        assert len(await response.read()) >= 1_000_000


async def test_a_hang_ends_when_the_simulator_does() -> None:
    async with Simulator() as simulator, aiohttp.ClientSession() as session:
        simulator.faults.add(Fault(kind="hang", seconds=3600))
        with pytest.raises(TimeoutError):
            await session.get(f"{simulator.url}/keys", timeout=aiohttp.ClientTimeout(total=0.2))


async def test_a_new_key_is_listed_only_after_the_listing_lag(simulator: Simulator, client: Client) -> None:
    simulator.switches.listing_lag = 3600
    key = await client.create()
    assert await client.listed() == []
    assert await client.valid(key["key"])
    simulator.switches.listing_lag = 0
    assert await client.listed() == [key["id"]]


async def test_a_new_key_is_rejected_until_the_activation_lag_is_over(simulator: Simulator, client: Client) -> None:
    simulator.switches.activation_lag = 3600
    key = await client.create()
    assert not await client.valid(key["key"])
    assert (await client.chat(key["key"]))[0] == 401
    simulator.switches.activation_lag = 0
    assert await client.valid(key["key"])


async def test_all_keys_are_rejected_at_once_while_they_are_listed_as_active(
    simulator: Simulator, client: Client
) -> None:
    key = await client.create()
    simulator.switches.reject_all = True
    assert not await client.valid(key["key"])
    assert (await client.admin("GET", "/keys"))[1]["keys"][0]["is_active"]


async def test_a_key_is_disabled_and_enabled_behind_our_back(simulator: Simulator, client: Client) -> None:
    older, newest = await client.create(), await client.create()
    assert (await client.admin("POST", "/_lab/keys/newest/disable"))[0] == 200
    assert (await client.valid(older["key"]), await client.valid(newest["key"])) == (True, False)
    await client.admin("POST", f"/_lab/keys/{newest['id']}/enable")
    assert await client.valid(newest["key"])


async def test_a_key_is_deleted_behind_our_back(simulator: Simulator, client: Client) -> None:
    key = await client.create()
    await client.admin("POST", f"/_lab/keys/{key['id']}/delete")
    assert (await client.admin("DELETE", f"/keys/{key['id']}"))[0] == 404
    assert simulator.record.mutations() == {"created": 1, "deleted by outside": 1}


async def test_a_changed_admin_key_ends_the_old_one(simulator: Simulator, client: Client) -> None:
    assert (await client.admin("POST", "/_lab/admin-key", {"admin_key": "another-admin-key"}))[0] == 204
    assert (await client.admin("GET", "/keys"))[0] == 401
    assert simulator.admin_key == "another-admin-key"


async def test_another_process_switches_faults_over_http(simulator: Simulator, client: Client) -> None:
    assert (await client.admin("POST", "/_lab/faults", {"kind": "status", "match": "list", "count": 5}))[0] == 204
    assert (await client.admin("GET", "/keys"))[0] == 500
    _, told = await client.admin("GET", "/_lab/faults")
    assert [(fault["kind"], fault["count"]) for fault in told["faults"]] == [("status", 4)]
    await client.admin("DELETE", "/_lab/faults")
    assert (await client.admin("GET", "/keys"))[0] == 200


async def test_switches_are_set_over_http(simulator: Simulator, client: Client) -> None:
    await client.admin("POST", "/_lab/switches", {"listing_lag": 5, "reject_all": True})
    assert (simulator.switches.listing_lag, simulator.switches.reject_all) == (5, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_lab/faults", {"kind": "earthquake"}),
        ("/_lab/faults", {"kind": "truncate", "when": "before"}),
        ("/_lab/faults", {"kind": "cut", "counts": 1}),
        ("/_lab/switches", {"listing_lag": -1}),
        ("/_lab/admin-key", {"admin_key": ""}),
    ],
)
async def test_a_malformed_switch_is_refused(client: Client, path: str, body: object) -> None:
    assert (await client.admin("POST", path, body))[0] == 422


@pytest.mark.parametrize(("method", "path"), [("POST", "/_lab/faults"), ("GET", "/_lab/record")])
async def test_control_is_for_the_administrator(simulator: Simulator, method: str, path: str) -> None:
    url = simulator.url.removesuffix("/v1") + path
    async with aiohttp.ClientSession() as session, session.request(method, url) as response:
        assert response.status == 401
