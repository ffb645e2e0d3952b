"""Several endpoints: which one a call goes to, what is repeated at the next one, and how the preferred one returns."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from keypool.core.breaker import COOL_DOWN, FAILURES, State
from keypool.providers.endpoints import Endpoints
from keypool.providers.errors import Ambiguous, CredentialRejected, EndpointRefused, Rejected, Throttled, Unavailable
from keypool.providers.reach import PUBLIC, CheckedResolver
from keypool.providers.transport import Call, Deadlines, Transport
from tests.contract.doors import CountingDoor, two_doors
from tests.unit.test_addresses import Names
from tests.waiting import eventually

ASK, MAKE = Call("ask", "GET", "/"), Call("make", "POST", "/", body={})
DELETE = Call("delete", "DELETE", "/", limit=0)


class Clock:
    """Monotonic seconds that a test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def doors() -> AsyncIterator[tuple[CountingDoor, CountingDoor]]:
    """The preferred endpoint and the other one."""
    async with two_doors() as both:
        yield both


@pytest.fixture
def clock() -> Clock:
    """The breakers' clock."""
    return Clock()


@pytest.fixture
async def transport(doors: tuple[CountingDoor, CountingDoor], clock: Clock) -> AsyncIterator[Transport]:
    """A transport to both."""
    endpoints = Endpoints([door.url for door in doors], clock=clock)
    one = Transport(endpoints, SecretStr("admin-canary"), Deadlines(create=2.0, other=2.0))
    yield one
    await one.close()


async def has_calls(door: CountingDoor, count: int) -> bool:
    """Whether so many have arrived."""
    return len(door.calls) == count


async def failures(transport: Transport, call: Call, times: int) -> list[type[BaseException]]:
    """What so many calls in a row raise."""
    outcomes = [*await asyncio.gather(transport.call(call), return_exceptions=True)]
    for _ in range(times - 1):
        outcomes += await asyncio.gather(transport.call(call), return_exceptions=True)
    return [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]


def states(transport: Transport) -> list[State]:
    """The breakers' states."""
    return [endpoint.state for endpoint in transport.endpoints.seen()]


def in_use(transport: Transport) -> list[bool]:
    """Which endpoint is in use."""
    return [endpoint.in_use for endpoint in transport.endpoints.seen()]


async def test_every_call_goes_to_the_preferred_endpoint_while_it_works(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    for call in (ASK, MAKE, DELETE):
        await transport.call(call)
    assert [door.calls for door in doors] == [["GET", "POST", "DELETE"], []]
    assert in_use(transport) == [True, False]


@pytest.mark.parametrize("call", [ASK, MAKE, DELETE], ids=lambda call: call.method)
async def test_what_certainly_was_not_sent_goes_to_the_next_endpoint_at_once(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], call: Call
) -> None:
    await doors[0].close()
    await transport.call(call)
    assert doors[1].calls == [call.method]


@pytest.mark.parametrize("trouble", ["hangs", "500"])
async def test_an_ambiguous_create_is_never_repeated_elsewhere(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], trouble: str
) -> None:
    doors[0].hangs, doors[0].status = trouble == "hangs", 500
    with pytest.raises(Ambiguous):
        await transport.call(MAKE)
    assert [door.calls for door in doors] == [["POST"], []]


@pytest.mark.parametrize("trouble", ["hangs", "500"])
@pytest.mark.parametrize("call", [ASK, DELETE], ids=lambda call: call.method)
async def test_what_may_be_repeated_is_asked_of_the_next_endpoint_within_the_same_deadline(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], call: Call, trouble: str
) -> None:
    doors[0].hangs, doors[0].status = trouble == "hangs", 500
    started = asyncio.get_running_loop().time()
    await transport.call(call)
    assert asyncio.get_running_loop().time() - started < 2.0
    assert [door.calls for door in doors] == [[call.method], [call.method]]


@pytest.mark.parametrize(
    ("status", "error"), [(400, Rejected), (401, CredentialRejected), (404, Rejected), (429, Throttled)]
)
async def test_a_refusal_is_an_answer_and_the_endpoint_works(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], status: int, error: type[Exception]
) -> None:
    doors[0].status = status
    assert await failures(transport, ASK, FAILURES + 1) == [error] * (FAILURES + 1)
    assert states(transport) == [State.CLOSED, State.CLOSED]
    assert doors[1].calls == []


async def test_after_five_failures_in_a_row_an_endpoint_is_not_asked_any_more(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    doors[0].status = 503
    assert await failures(transport, ASK, FAILURES + 3) == []
    assert [len(door.calls) for door in doors] == [FAILURES, FAILURES + 3]
    assert states(transport) == [State.OPEN, State.CLOSED]
    assert in_use(transport) == [False, True]


async def test_an_ambiguous_create_counts_as_a_failure_so_that_the_next_one_goes_elsewhere(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    doors[0].status = 503
    assert await failures(transport, MAKE, FAILURES) == [Ambiguous] * FAILURES
    await transport.call(MAKE)
    assert doors[1].calls == ["POST"]


async def test_a_minute_later_one_call_tries_the_preferred_endpoint_and_it_is_returned_to(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], clock: Clock
) -> None:
    doors[0].status = 503
    await failures(transport, ASK, FAILURES)
    doors[0].status, clock.now = 200, COOL_DOWN
    assert states(transport)[0] is State.HALF_OPEN
    await asyncio.gather(*(transport.call(ASK) for _ in range(4)))
    assert len(doors[0].calls) == FAILURES + 1, "one of four calls at the same time is the trial"
    await transport.call(ASK)
    assert len(doors[0].calls) == FAILURES + 2
    assert states(transport) == [State.CLOSED, State.CLOSED]
    assert in_use(transport) == [True, False]


async def test_a_create_tries_no_endpoint_out_while_another_works(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], clock: Clock
) -> None:
    doors[0].status = 503
    await failures(transport, ASK, FAILURES)
    clock.now = COOL_DOWN
    await transport.call(MAKE)
    assert doors[1].calls[-1] == "POST"


async def test_a_trial_that_fails_is_answered_by_the_next_endpoint_and_waits_another_minute(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], clock: Clock
) -> None:
    doors[0].status = 503
    await failures(transport, ASK, FAILURES)
    clock.now = COOL_DOWN
    await transport.call(ASK)
    assert transport.endpoints.seen()[0].retry_in == COOL_DOWN
    assert in_use(transport) == [False, True]


async def test_a_trial_that_is_given_up_leaves_room_for_the_next(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], clock: Clock
) -> None:
    doors[0].status = 503
    await failures(transport, ASK, FAILURES)
    doors[0].hangs, clock.now = True, COOL_DOWN
    trial = asyncio.create_task(transport.call(ASK))
    await eventually(lambda: has_calls(doors[0], FAILURES + 1), 5)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    doors[0].hangs, doors[0].status = False, 200
    await transport.call(ASK)
    assert in_use(transport) == [True, False]


async def test_when_all_are_open_nothing_is_sent_and_the_error_says_until_when(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    doors[0].status = doors[1].status = 503
    assert await failures(transport, ASK, FAILURES) == [Ambiguous] * FAILURES
    with pytest.raises(Unavailable, match=r"every endpoint failed 5 times in a row; it is tried again at 20\d\d-.*Z"):
        await transport.call(MAKE)
    assert [len(door.calls) for door in doors] == [FAILURES, FAILURES]


async def test_while_they_are_open_it_is_told_why_no_connection_was_made(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    await asyncio.gather(*(door.close() for door in doors))
    assert await failures(transport, ASK, FAILURES) == [Unavailable] * FAILURES
    with pytest.raises(
        Unavailable, match=r"5 times in a row \(no connection to 127\.0\.0\.1:\d+: refused\); it is tried"
    ):
        await transport.call(MAKE)


async def test_that_it_may_have_happened_is_told_also_when_the_next_endpoint_is_down(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    doors[0].status = 503
    await doors[1].close()
    with pytest.raises(Ambiguous):
        await transport.call(DELETE)


async def test_before_the_first_answer_no_endpoint_is_in_use_and_a_blip_changes_nothing(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor]
) -> None:
    assert in_use(transport) == [False, False]
    await transport.call(ASK)
    doors[0].status = 503
    await failures(transport, ASK, FAILURES - 1)
    assert in_use(transport) == [True, False]


async def test_changes_are_told_and_nothing_else(
    transport: Transport, doors: tuple[CountingDoor, CountingDoor], clock: Clock
) -> None:
    told: list[list[State]] = []
    transport.endpoints.changed = lambda: told.append(states(transport))
    await failures(transport, ASK, 3)
    doors[0].status = 503
    await failures(transport, ASK, FAILURES + 3)
    doors[0].status, clock.now = 200, COOL_DOWN
    await failures(transport, ASK, 3)
    closed = [State.CLOSED, State.CLOSED]
    assert told == [closed, [State.OPEN, State.CLOSED], closed]


class Rebinding(Names):
    """Finds a public address when a name is looked up first, and afterwards this machine."""

    def __init__(self) -> None:
        super().__init__("127.0.0.1")
        self.asked = 0

    async def resolve(self, *args: Any, **kwargs: Any) -> Any:
        self.asked += 1
        if self.asked == 1:
            return await Names("93.184.215.14").resolve(*args, **kwargs)
        return await super().resolve(*args, **kwargs)


async def test_a_name_that_changes_after_it_was_checked_is_not_followed(
    doors: tuple[CountingDoor, CountingDoor],
) -> None:
    """What is looked up for a connection is what is checked: nothing that was found before counts."""
    port, names = doors[0].url.rpartition(":")[2], Rebinding()
    assert await CheckedResolver(PUBLIC, names).resolve("rebinding.example.com", 443), "at first it is public"
    url = f"http://rebinding.example.com:{port}"
    transport = Transport(url, SecretStr("admin"), Deadlines(), reach=PUBLIC, names=names)
    with pytest.raises(EndpointRefused, match=r"rebinding\.example\.com is at a loopback address.*ALLOW_PRIVATE"):
        await transport.call(ASK)
    await transport.close()
    assert doors[0].calls == []


async def test_the_next_endpoint_is_used_while_one_leads_to_a_private_address(
    doors: tuple[CountingDoor, CountingDoor],
) -> None:
    endpoints = Endpoints([f"http://private.example.com:{doors[0].url.rpartition(':')[2]}", doors[1].url])
    transport = Transport(endpoints, SecretStr("admin"), Deadlines(), reach=PUBLIC, names=Names("10.0.0.1"))
    await transport.call(ASK)
    await transport.close()
    assert [len(door.calls) for door in doors] == [0, 1]
