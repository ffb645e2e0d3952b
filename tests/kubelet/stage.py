"""What a play needs: a control plane, a node and a provider, in namespaces of its own, which end with all of it.

A play is a program, `main`. It writes what it saw into the file FACTS, however it ends; tests judge it.
"""

import asyncio
import contextlib
import json
import os
import sys
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keypool.cluster.client import KubeClient
from keypool.cluster.connection import Connection
from keypool_lab.binaries import find_or_build
from keypool_lab.controlplane import ControlPlane
from keypool_lab.simulator import Options, Simulator
from tests.cluster.team import Person
from tests.kubelet.image import PAUSE
from tests.kubelet.node import API_ADDRESS, GATEWAY, Node, bind_pods, enter, forwarded

SYSTEM, TEAM = "keypool-system", "default"
CRDS = Path(__file__).parents[2] / "crds"
OURS = "app.kubernetes.io/component=operator"
Facts = dict[str, Any]


@dataclass(frozen=True)
class Stage:
    """`facts` is what is told."""

    facts: Facts
    plane: ControlPlane
    client: KubeClient
    simulator: Simulator


Act = Callable[[Stage], Awaitable[None]]


@asynccontextmanager
async def standing(facts: Facts, sync: str, kubelet: Path, *archives: Path) -> AsyncIterator[Stage]:
    """Control plane, node with these images, and provider. `sync`: how often the kubelet looks at a pod."""
    binaries = find_or_build()
    began = time.monotonic()
    async with AsyncExitStack() as ending:
        plane = ending.enter_context(await asyncio.to_thread(ControlPlane.start, binaries, CRDS))
        client = Person(await Connection.load(str(plane.admin_kubeconfig)))
        ending.push_async_callback(client.close)
        simulator = await ending.enter_async_context(Simulator(Options()))
        await ending.enter_async_context(reachable(simulator.url))
        await ending.enter_async_context(forwarded(API_ADDRESS, 443, port_of(plane.url)))
        binder = asyncio.create_task(bind_pods(client))
        try:
            node = Node(plane, kubelet, binaries.kube_controller_manager.parent, sync)
            await node.start(PAUSE, *archives)
            facts["node_seconds"] = time.monotonic() - began
            yield Stage(facts, plane, client, simulator)
        except BaseException:
            facts["failed"], facts["seen"] = traceback.format_exc(), await asyncio.to_thread(_what_is_seen, plane)
            raise
        finally:
            binder.cancel()
            await asyncio.gather(binder, return_exceptions=True)


def port_of(url: str) -> int:
    """Of a URL that names one."""
    return int(url.rpartition(":")[2].partition("/")[0])


def from_pods(url: str) -> str:
    """Where pods find what is at loopback here."""
    return url.replace("127.0.0.1", GATEWAY)


def reachable(url: str) -> contextlib.AbstractAsyncContextManager[None]:
    """Pods reach it meanwhile."""
    return forwarded(GATEWAY, port_of(url), port_of(url))


def _what_is_seen(plane: ControlPlane) -> str:
    """For the message of a failed test."""
    asked = (
        ("get", "pods", "--all-namespaces", "--output=wide"),
        ("get", "events", "--all-namespaces", "--sort-by=.lastTimestamp"),
        ("--namespace", SYSTEM, "logs", f"--selector={OURS}", "--prefix", "--tail=15"),
    )
    texts = [plane.run_kubectl(*args) for args in asked]
    logs = [(plane.folder / f"{name}.log") for name in ("kubelet", "containerd")]
    tails = ["\n".join(log.read_text(errors="replace").splitlines()[-15:]) for log in logs if log.exists()]
    return "\n\n".join([*(text.stdout + text.stderr for text in texts), *tails])


async def _act(act: Act, facts: Facts, sync: str, seconds: float, kubelet: Path, *archives: Path) -> None:
    async with asyncio.timeout(seconds), standing(facts, sync, kubelet, *archives) as stage:
        await act(stage)


def main(act: Act, sync: str, seconds: float, where: str, *given: str) -> None:
    """The whole process: from the namespaces to the file of facts. `seconds` is for all of it."""
    facts: Facts = {"step": "the node"}
    try:
        enter()
        asyncio.run(_act(act, facts, sync, seconds, *map(Path, given)))
    except (Exception, KeyboardInterrupt):  # noqa: BLE001 - it is told to who judges
        facts.setdefault("failed", traceback.format_exc())
    finally:
        Path(where).write_text(json.dumps(facts))
    sys.stdout.flush()
    os._exit(0)
