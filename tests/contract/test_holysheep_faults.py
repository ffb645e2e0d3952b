"""Every fault meets every call: which error it is, that no key was lost sight of, and that no secret is told."""

import itertools
import re
import time
import traceback
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from pydantic import SecretStr

from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled, Unreadable
from keypool.providers.holysheep import HolySheepProvider
from keypool.providers.protocol import NewKey
from keypool.providers.transport import Deadlines
from keypool_lab.simulator import Fault, Simulator
from tests.contract.subjects import IMPATIENT, PATIENT

KEY = NewKey("kp.team.pool.i.n1", timedelta(days=3))
CANARY = SecretStr("sk-hs-canary-0123456789-abcdefghijklmnopqrstuvwxyz")

CALLS: dict[str, Callable[[HolySheepProvider], Awaitable[object]]] = {
    "create": lambda provider: provider.create(KEY),
    "list": lambda provider: provider.list_keys(),
    "validate": lambda provider: provider.probe(CANARY),
    "delete": lambda provider: provider.revoke("key_0"),
}
FAULTS: dict[str, tuple[Fault, type[ProviderError]]] = {
    "cut-before": (Fault(kind="cut", when="before"), Ambiguous),
    "cut-after": (Fault(kind="cut"), Ambiguous),
    "500": (Fault(kind="status"), Ambiguous),
    "503-after": (Fault(kind="status", status=503, when="after"), Ambiguous),
    "401": (Fault(kind="status", status=401), CredentialRejected),
    "403": (Fault(kind="status", status=403), Rejected),
    "429": (Fault(kind="throttle", retry_after="3"), Throttled),
    "hang": (Fault(kind="hang", seconds=60), Ambiguous),
    "redirect": (Fault(kind="redirect"), Rejected),
}
SPOILT_BODIES = {
    "html": Fault(kind="html"),
    "truncated": Fault(kind="truncate"),
    "oversized": Fault(kind="oversize"),
    "slow-drip": Fault(kind="drip", seconds=0.5),
}

ALL_FAULTS = {name: fault for name, (fault, _) in FAULTS.items()} | SPOILT_BODIES


@pytest.fixture
def deadlines(request: pytest.FixtureRequest) -> Deadlines:
    """Short where the fault keeps a call waiting."""
    return IMPATIENT if {"hang", "drip"} & set(re.split(r"[^a-z]", request.node.name)) else PATIENT


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_told_as_what_to_do_next(
    simulator: Simulator, holysheep: HolySheepProvider, call: str, fault: str
) -> None:
    simulator.faults.add(FAULTS[fault][0])
    with pytest.raises(ProviderError) as caught:
        await CALLS[call](holysheep)
    assert type(caught.value) is FAULTS[fault][1]


@pytest.mark.parametrize("call", ["create", "list", "validate"])
@pytest.mark.parametrize("fault", SPOILT_BODIES)
async def test_a_spoilt_body_is_never_trusted(
    simulator: Simulator, holysheep: HolySheepProvider, call: str, fault: str
) -> None:
    simulator.faults.add(SPOILT_BODIES[fault])
    with pytest.raises(Ambiguous):
        await CALLS[call](holysheep)


@pytest.mark.parametrize("fault", ["html", "redirect", "500"])
async def test_a_deletion_counts_as_done_only_by_the_documented_answer(
    simulator: Simulator, holysheep: HolySheepProvider, fault: str
) -> None:
    created = await holysheep.create(KEY)
    simulator.faults.add(ALL_FAULTS[fault])
    with pytest.raises(ProviderError):
        await holysheep.revoke(created.handle)


@pytest.mark.parametrize("fault", ["hang", "slow-drip"])
async def test_no_call_takes_longer_than_its_deadline(
    simulator: Simulator, holysheep: HolySheepProvider, fault: str
) -> None:
    simulator.faults.add(ALL_FAULTS[fault])
    began = time.monotonic()
    with pytest.raises(Ambiguous, match=r"no complete answer within 1 s"):
        await holysheep.list_keys()
    assert time.monotonic() - began < 4


async def test_a_refusal_does_not_wait_for_a_body_that_drips(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    await simulator.set_admin_key("another-admin-key")
    simulator.faults.add(Fault(kind="drip", seconds=0.5))
    with pytest.raises(CredentialRejected):
        await holysheep.list_keys()


async def test_a_truncated_create_answer_is_unreadable_although_the_key_exists(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    simulator.faults.add(Fault(kind="truncate", match="create", count=1))
    with pytest.raises(Unreadable):
        await holysheep.create(KEY)
    assert len(simulator.record.live_keys()) == 1


async def test_once_a_fault_is_over_the_same_adapter_works_again(
    simulator: Simulator, holysheep: HolySheepProvider
) -> None:
    for fault in ALL_FAULTS.values():
        if fault.kind not in {"hang", "drip"}:
            simulator.faults.add(fault.model_copy(update={"count": 1}))
            with pytest.raises(ProviderError):
                await holysheep.create(KEY)
    simulator.faults.clear()
    assert await holysheep.create(KEY)


QUICK = [fault for fault in ALL_FAULTS if fault not in {"hang", "slow-drip"}]


@pytest.mark.parametrize(
    ("call", "fault"),
    [*itertools.product(["create", "list", "validate"], QUICK), ("validate", "hang"), ("list", "slow-drip")],
)
async def test_no_exception_tells_a_secret(
    simulator: Simulator, holysheep: HolySheepProvider, call: str, fault: str
) -> None:
    await holysheep.create(KEY)
    simulator.faults.add(ALL_FAULTS[fault])
    with pytest.raises(ProviderError) as caught:
        await CALLS[call](holysheep)
    assert not leaks(caught.value, simulator)
    assert caught.value.__context__ is None


def leaks(error: BaseException, simulator: Simulator) -> list[str]:
    """The secrets that some rendering of the error shows, with the exceptions that it hides."""
    texts = ["".join(traceback.format_exception(error)), repr(error), str(error), repr(vars(error))]
    values = [key.value for key in simulator.record.keys()]  # noqa: SIM118 (not a mapping)
    return [secret for secret in (*values, simulator.admin_key, CANARY.get_secret_value()) if secret in str(texts)]
