"""The relay before a real API server: it tells which keys its pod holds; where it cannot, nobody pays for it."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from keypool_client.relay import pacing
from keypool_lab.simulator import Simulator
from tests.cluster.holders.pods import BoundPod, Pods
from tests.relay.mounted import Create, Mounted, document, empty, making_keys
from tests.relay.process import process
from tests.relay.served import ASKED, HEADERS, Served, relay
from tests.waiting import eventually


@pytest.fixture
def mounted(tmp_path: Path) -> Mounted:
    """Empty."""
    return empty(tmp_path)


@pytest.fixture
async def create(simulator: Simulator) -> AsyncIterator[Create]:
    """`await create()` makes a key at the provider: its id there, and its value."""
    async with making_keys(simulator) as make:
        yield make


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes after seconds or minutes comes at once."""
    for name in ("FIRST_SECONDS", "SPREAD_SECONDS", "BETWEEN_SECONDS"):
        monkeypatch.setattr(pacing, name, 0.05)
    for name in ("RARELY_SECONDS", "LOOK_SECONDS"):
        monkeypatch.setattr(pacing, name, 0.4)


def chat(pods: Pods, url: str, **values: str) -> dict[str, Any]:
    """A keys.json of the pool `chat`; `chat_0="sk-…"` is the key chat-0."""
    return document(
        [url], {key.replace("_", "-"): value for key, value in values.items()}, pool=f"{pods.namespace}/chat"
    )


def of(pods: Pods, pod: BoundPod, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a relay in that pod."""
    given = pods.folder(folder, more.get("token", pod.token), more.get("namespace", ""))
    return given | {"KEYPOOL_POD_NAME": pod.name, "KEYPOOL_POD_UID": pod.uid}


async def told(pods: Pods, pod: BoundPod) -> dict[str, bool]:
    """The keys in the pod's KeyHolder, and whether they are rejected."""
    found = await pods.holder(pod.name)
    pools = [] if found is None else found["spec"]["pools"]
    return {key["id"]: "rejected" in key for pool in pools for key in pool.get("keys", [])}


async def tells(pods: Pods, pod: BoundPod, **keys: bool) -> None:
    """Until it says this."""
    wanted = {key.replace("_", "-"): rejected for key, rejected in keys.items()}

    async def says_it() -> bool:
        assert await told(pods, pod) == wanted
        return True

    await eventually(says_it, 30, f"the KeyHolder tells {wanted}")


@pytest.mark.usefixtures("rights", "policy")
async def test_a_pods_relay_tells_its_keys_a_rotation_and_a_key_that_was_revoked_behind_our_back(
    pods: Pods, mounted: Mounted, tmp_path: Path, simulator: Simulator, create: Create
) -> None:
    """As a process of its own, at its own pace."""
    pod = await pods.make()
    (_, first), (revoked, second), (_, third) = await create(), await create(), await create()
    mounted.put(chat(pods, simulator.url, chat_0=first, chat_1=second))
    async with (
        process(mounted.path, **of(pods, pod, tmp_path / "report")) as running,
        ClientSession(headers=HEADERS) as session,
    ):
        await tells(pods, pod, chat_0=False, chat_1=False)
        mounted.put(chat(pods, simulator.url, chat_1=second, chat_2=third))
        await tells(pods, pod, chat_1=False, chat_2=False)
        await simulator.change_key(revoked, "disable")
        loop = asyncio.get_running_loop()
        began = loop.time()
        while not any((await told(pods, pod)).values()):
            async with session.post(f"{running.url}/v1/chat/completions", json=ASKED) as answer:
                assert answer.status == 200
            assert loop.time() - began < 120, "it is told"
        await tells(pods, pod, chat_1=True, chat_2=False)
        log = "".join(running.said)
    assert not [value for value in (first, second, third, pod.token) if value in log]


async def asks(served: Served) -> int:
    return (await served.ask()).status


def lines(caplog: pytest.LogCaptureFixture, text: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


@pytest.mark.usefixtures("soon")
async def test_without_the_right_it_says_so_once_serves_on_and_reports_when_it_is_given(
    pods: Pods, mounted: Mounted, simulator: Simulator, create: Create, caplog: pytest.LogCaptureFixture
) -> None:
    pod, folder = await pods.make(), mounted.path.parent / "report"
    mounted.put(chat(pods, simulator.url, chat_0=(await create())[1]))
    with caplog.at_level(logging.INFO):
        async with relay(mounted.path, of(pods, pod, folder)) as served:
            await eventually(lambda: _counts(served, "refused", 3), 20, "it is tried again")
            assert await asks(served) == 200
            assert "keypool_relay_report_ok 0.0" in await served.metrics()
            await pods.grant()
            await tells(pods, pod, chat_0=False)
            await eventually(lambda: _says(served, "keypool_relay_report_ok 1.0"), 10)
    said = lines(caplog, "nobody is told which keys this pod holds")
    assert len(said) == 1, "said once"
    assert "HTTP 403" in said[0]
    assert "manifests/relay/holders" in said[0]
    assert lines(caplog, "the API server takes the report")
    assert pod.token not in caplog.text


async def _counts(served: Served, outcome: str, least: int) -> bool:
    line = f'keypool_relay_reports_total{{outcome="{outcome}"}} '
    counted = [
        float(each.removeprefix(line)) for each in (await served.metrics()).splitlines() if each.startswith(line)
    ]
    return bool(counted) and counted[0] >= least


async def _says(served: Served, line: str) -> bool:
    return line in await served.metrics()


@pytest.mark.usefixtures("soon", "wide_rights")
async def test_what_the_cluster_does_not_have_is_called_absent_and_asked_for_rarely(
    pods: Pods, mounted: Mounted, tmp_path: Path, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Here it is the namespace; a cluster without the resource answers the same."""
    pod = await pods.make()
    mounted.put(document([simulator.url], {"chat-0": "sk-x"}, pool="nowhere-at-all/chat"))
    async with relay(mounted.path, of(pods, pod, tmp_path / "report", namespace="nowhere-at-all")) as served:
        await eventually(lambda: _counts(served, "absent", 2), 20, "it is tried again")
    assert len(lines(caplog, "install the resource KeyHolder")) == 1


@pytest.mark.usefixtures("soon", "rights")
async def test_a_token_that_is_exchanged_is_used_without_a_restart(
    pods: Pods, mounted: Mounted, tmp_path: Path, simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The kubelet does so long before it expires; here the first one is worth nothing."""
    pod = await pods.make()
    mounted.put(chat(pods, simulator.url, chat_0="sk-x"))
    async with relay(mounted.path, of(pods, pod, tmp_path / "report", token="a.bad.token")) as served:
        await eventually(lambda: _counts(served, "failed", 1), 20, "it is refused")
        pods.folder(tmp_path / "report", pod.token)
        await tells(pods, pod, chat_0=False)
    assert "a.bad.token" not in caplog.text


@pytest.mark.usefixtures("soon", "rights")
async def test_an_object_that_somebody_deleted_is_written_again(
    pods: Pods, mounted: Mounted, tmp_path: Path, simulator: Simulator
) -> None:
    pod = await pods.make()
    mounted.put(chat(pods, simulator.url, chat_0="sk-x"))
    async with relay(mounted.path, of(pods, pod, tmp_path / "report")):
        await tells(pods, pod, chat_0=False)
        await pods.admin.delete(pods.path(pod.name))
        await tells(pods, pod, chat_0=False)


@pytest.mark.usefixtures("soon", "rights")
async def test_a_pool_of_another_namespace_is_not_told(
    pods: Pods, mounted: Mounted, tmp_path: Path, simulator: Simulator
) -> None:
    """A KeyHolder speaks of the pools beside it."""
    pod = await pods.make()
    mounted.put(document([simulator.url], {"x-0": "sk-y"}, pool="team-b/x"), chat(pods, simulator.url, chat_0="sk-x"))
    async with relay(mounted.path, of(pods, pod, tmp_path / "report")):
        await tells(pods, pod, chat_0=False)
