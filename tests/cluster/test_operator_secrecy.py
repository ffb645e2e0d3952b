"""No value of a key and no admin credential is anywhere but in Secrets, also when everything goes wrong."""

import asyncio
import base64
import io
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from keypool.cluster import paths
from keypool_lab.controlplane import ControlPlane
from keypool_lab.simulator import Fault, Simulator
from tests.cluster.canaries import forms, leaks
from tests.cluster.conftest import OperatorMaker
from tests.cluster.running import Clock, Operator
from tests.cluster.team import ADMIN_ENTRY, ADMIN_SECRET, Team, pool_manifest
from tests.waiting import eventually

FAULTS = ("status", "html", "truncate", "cut", "redirect", "oversize", "throttle")


@pytest.fixture
def tracebacks() -> Iterator[io.StringIO]:
    """Every log record with its whole exception, as our own formatter would never write it."""
    buffer = io.StringIO()
    handler = logging.StreamHandler(buffer)
    logging.getLogger().addHandler(handler)
    yield buffer
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def unhandled() -> list[dict[str, Any]]:
    """What the event loop would complain about."""
    return []


@pytest.fixture
async def after_a_bad_day(
    make_operator: OperatorMaker, provider: str, team: Team, simulator: Simulator, clock: Clock, *, unhandled: list[Any]
) -> Operator:
    """An operator that has met every kind of failure."""
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    operator = make_operator("one")
    await operator.start()
    await team.apply(pool_manifest("chat", size=2, health={"probeEvery": "5s", "failureThreshold": 1}))
    await team.ready()
    for kind in FAULTS:
        await _meets(simulator, team, clock, Fault(kind=kind, match="validate", status=503, count=1, size=2_000_000))
    await _loses_keys_and_secrets(team, simulator, clock)
    await _creates_badly(team, simulator)
    await _has_a_wrong_credential(team, simulator)
    await operator.kill()
    await operator.start()
    await team.delete("chat")
    await team.gone("chat", 20)
    return operator


async def _meets(simulator: Simulator, team: Team, clock: Clock, fault: Fault) -> None:
    simulator.faults.add(fault)
    clock.advance(timedelta(seconds=6))
    await team.poke()

    async def met() -> bool:
        return not simulator.faults.active()

    await eventually(met, 15, f"{fault.kind} is met")


async def _loses_keys_and_secrets(team: Team, simulator: Simulator, clock: Clock) -> None:
    await simulator.change_key("newest", "delete")
    clock.advance(timedelta(seconds=6))
    await team.poke()
    await team.told("KeyWithdrawn")
    await team.has("chat", "Healthy", "True")
    await team.considered()
    data = {"apiKey": base64.b64encode(b"something else").decode()}
    await team.client.patch(paths.secret(team.namespace, "chat"), {"data": data})
    await team.told("SecretRepaired")
    leaked = {key["name"] for key in await team.keys()}
    await team.annotate("chat", compromised="all@today")
    await team.until("chat", lambda pool: not leaked & {key["name"] for key in pool["status"]["keys"]})
    await team.considered()


async def _creates_badly(team: Team, simulator: Simulator) -> None:
    simulator.faults.add(Fault(kind="truncate", match="create", count=1))
    simulator.faults.add(Fault(kind="html", match="create", count=1))
    await team.apply(pool_manifest("unlucky"))
    await team.has("unlucky", "Revoked", "False", "AnswerLost")


async def _has_a_wrong_credential(team: Team, simulator: Simulator) -> None:
    good = simulator.admin_key
    await simulator.set_admin_key("admin-something-else-entirely")
    await team.apply(pool_manifest("refused"))
    await team.has("refused", "Stalled", "True")
    wrong = {"data": {ADMIN_ENTRY: base64.b64encode(b"admin\x00wrong").decode()}}
    await team.client.patch(paths.secret(team.namespace, ADMIN_SECRET), wrong)
    await simulator.set_admin_key(good)
    right = {"data": {ADMIN_ENTRY: base64.b64encode(good.encode()).decode()}}
    await team.client.patch(paths.secret(team.namespace, ADMIN_SECRET), right)
    await team.ready("refused", 30)


def canaries(simulator: Simulator) -> list[str]:
    """All values that there ever were."""
    everything = simulator.record.keys()
    return [simulator.admin_key, *(key.value for key in everything)]


async def listed(team: Team, path: str) -> bytes:
    """All objects of a list as JSON."""
    return json.dumps([obj async for obj in team.client.list(path)]).encode()


async def test_no_secret_value_is_in_logs_events_status_metrics_audit_log_or_exceptions(
    after_a_bad_day: Operator,
    team: Team,
    simulator: Simulator,
    *,
    logs: io.StringIO,
    tracebacks: io.StringIO,
    unhandled: list[Any],
    capfd: pytest.CaptureFixture[str],
) -> None:
    metrics = after_a_bad_day.replica.metrics.text()
    await after_a_bad_day.stop()
    printed = "".join(capfd.readouterr())
    places = {
        "logs": logs.getvalue().encode(),
        "exceptions": tracebacks.getvalue().encode() + repr(unhandled).encode(),
        "audit log": after_a_bad_day.audit_text().encode(),
        "output": printed.encode(),
        "metrics": metrics,
        "pools": await listed(team, paths.pools(team.namespace)),
        "providers": await listed(team, paths.providers(team.namespace)),
        "events": await listed(team, paths.events(team.namespace)),
    }
    assert not leaks(canaries(simulator), places)
    assert not unhandled
    names = [key.name.encode() for key in simulator.record.keys()]  # noqa: SIM118 - not a dict
    assert all(name in places["audit log"] for name in names), "the right places were looked at"


async def test_no_secret_value_is_in_etcds_files(
    after_a_bad_day: Operator, own_control_plane: ControlPlane, simulator: Simulator
) -> None:
    await after_a_bad_day.stop()  # a long search would keep it from renewing its Lease
    files = [path for path in own_control_plane.etcd_data.rglob("*") if path.is_file()]
    places = {path.name: (await asyncio.to_thread(path.read_bytes)).rstrip(b"\0") for path in files}
    assert not leaks(canaries(simulator), places)
    assert b"unlucky" in b"".join(places.values()), "what is not secret can be found"


def test_the_search_finds_a_value_in_every_encoding() -> None:
    value = "sk-hs-0123456789_abcdefghijklmnopq"
    around = [value, f"x{value}", f"xy{value}yx", f"xyz{value}z"]
    written = [base64.b64encode(text.encode()) for text in around]
    written += [value.encode(), value.encode().hex().encode(), f'{{"key":"{value}"}}'.encode()]
    assert all(leaks([value], {"here": text}) for text in written)
    assert not leaks([value], {"here": base64.b64encode(b"nothing of the kind, but of the same length")})
    assert value.encode() in forms(value)
