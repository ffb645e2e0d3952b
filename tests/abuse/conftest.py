"""A control plane of its own for each play of the whole suite."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from keypool.cluster.connection import Connection
from keypool_lab.binaries import Binaries
from keypool_lab.controlplane import ControlPlane
from tests.abuse.attacks.attack import Attack
from tests.abuse.scene import Scene, scene
from tests.cluster.team import Person
from tests.conftest import CRDS

SceneMaker = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def make_scene(binaries: Binaries) -> SceneMaker:
    """`async with make_scene(attack, decoy)`: in a cluster in which nothing else is; it is thrown away."""

    @asynccontextmanager
    async def make(attack: Attack, decoy: bool) -> AsyncIterator[Scene]:
        plane = await asyncio.to_thread(ControlPlane.start, binaries, CRDS)
        client = Person(await Connection.load(str(plane.admin_kubeconfig)))
        try:
            async with scene(plane, client, attack, wide=True, decoy=decoy) as one:
                yield one
        finally:
            await client.close()
            await asyncio.to_thread(plane.stop)

    return make
