"""Names of providers' hosts are looked up so that one that is never answered holds up nobody but its own namespace."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from keypool.errand import ERRAND, Errand
from keypool.providers import names as module
from keypool.providers.names import OF_ONE_NAMESPACE, Names, NotLookedUp, absolute
from tests.waiting import eventually, within

FOUND = [(int(socket.AF_INET), "93.184.215.14")]


class Dns:
    """Answers names at once, but for those that begin with "dead", until it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answer = threading.Event()

    def look_up(self, host: str, _: int) -> list[tuple[int, str]]:
        """As `system_look_up`."""
        self.asked.append(host)
        if host.startswith("dead"):
            assert self.answer.wait(30)
        if "nowhere" in host:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return FOUND


@pytest.fixture
async def dns() -> AsyncIterator[Dns]:
    """Its threads end with the test."""
    server = Dns()
    yield server
    server.answer.set()

    async def ended() -> bool:
        return not any(thread.name == "look-up" for thread in threading.enumerate())

    await eventually(ended, 5)


@contextmanager
def on_behalf_of(namespace: str) -> Iterator[None]:
    """What begins inside is that namespace's."""
    token = ERRAND.set(Errand(namespace))
    try:
        yield
    finally:
        ERRAND.reset(token)


def ask(names: Names, host: str, namespace: str = "") -> "asyncio.Task[list[str]]":
    """Asks for a name on behalf of a namespace."""

    async def addresses() -> list[str]:
        return [found["host"] for found in await names.resolve(host, 443)]

    with on_behalf_of(namespace):
        return asyncio.create_task(addresses())


async def test_names_that_are_never_answered_hold_up_no_other_namespace(dns: Dns) -> None:
    names = Names(dns.look_up, deadline=0.05)
    dead = [ask(names, f"dead{number}.example.com", "attacker") for number in range(200)]
    assert await within(ask(names, "api.example.com", "bystander"), 5) == ["93.184.215.14"]
    errors = await asyncio.gather(*dead, return_exceptions=True)
    assert all(isinstance(error, NotLookedUp) for error in errors)
    assert len(dns.asked) == OF_ONE_NAMESPACE + 1, "the others never had a thread"
    told = [str(error) for error in errors]
    assert "no answer about its name within 0.05 s" in told[0]
    assert "names of other providers' hosts are not answered" in told[-1]


async def test_a_thread_that_hangs_counts_for_its_namespace_until_it_ends(dns: Dns) -> None:
    names = Names(dns.look_up, deadline=0.02)
    dead = [ask(names, f"dead{number}.example.com", "attacker") for number in range(OF_ONE_NAMESPACE)]
    await asyncio.gather(*dead, return_exceptions=True)
    with pytest.raises(NotLookedUp):
        await ask(names, "good.example.com", "attacker")
    patient = Names(dns.look_up)
    dead = [ask(patient, f"dead{number}.example.com", "attacker") for number in range(OF_ONE_NAMESPACE)]
    waiting = ask(patient, "good.example.com", "attacker")
    dns.answer.set()
    assert await within(waiting, 5) == ["93.184.215.14"]
    await asyncio.gather(*dead)


async def test_many_that_ask_for_one_name_share_a_look_up_also_while_it_hangs(dns: Dns) -> None:
    names = Names(dns.look_up)
    asking = [ask(names, "dead.example.com", f"team-{number % 3}") for number in range(30)]
    await asyncio.sleep(0)
    dns.answer.set()
    assert await asyncio.gather(*asking) == [["93.184.215.14"]] * 30
    assert dns.asked == ["dead.example.com"]


async def test_those_that_wait_for_a_thread_share_the_look_up_of_the_same_name(dns: Dns) -> None:
    names = Names(dns.look_up)
    dead = [ask(names, f"dead{number}.example.com", "a") for number in range(OF_ONE_NAMESPACE)]
    later = [ask(names, "api.example.com", "a") for _ in range(20)]
    await asyncio.sleep(0)
    dns.answer.set()
    assert await asyncio.gather(*later) == [["93.184.215.14"]] * 20
    await asyncio.gather(*dead)
    assert dns.asked.count("api.example.com") <= OF_ONE_NAMESPACE


async def test_a_failure_is_remembered_for_a_while_and_not_longer(dns: Dns) -> None:
    names = Names(dns.look_up, remembered=0.05)

    async def found_nowhere() -> bool:
        with pytest.raises(OSError, match="not known"):
            await names.resolve("nowhere.example.com", 443)
        return len(dns.asked) > 1

    assert not await found_nowhere()
    assert not await found_nowhere(), "it was not asked again"
    await eventually(found_nowhere, 5)


async def test_whoever_stops_waiting_takes_no_place_in_the_line(dns: Dns) -> None:
    names = Names(dns.look_up)
    dead = [ask(names, f"dead{number}.example.com", "a") for number in range(OF_ONE_NAMESPACE)]
    later = ask(names, "api.example.com", "a")
    await asyncio.sleep(0)
    later.cancel()
    await asyncio.gather(later, return_exceptions=True)
    dns.answer.set()
    await asyncio.gather(*dead)
    assert "api.example.com" not in dns.asked


async def test_what_python_refuses_to_look_up_is_an_error_like_any_other() -> None:
    with pytest.raises(OSError):
        await Names().resolve("a" * 64 + ".example.com", 443)
    assert [found["host"] for found in await Names().resolve("127.0.0.1", 443)] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        ("api.ai", "api.ai."),
        ("api.openai.com", "api.openai.com."),
        ("gateway.ai.svc.cluster.local", "gateway.ai.svc.cluster.local."),
        ("gateway.ai.svc", "gateway.ai.svc"),
        ("gateway", "gateway"),
        ("absolute.example.", "absolute.example."),
        ("10.0.0.1", "10.0.0.1"),
        ("::1", "::1"),
        ("pinned.example.com", "pinned.example.com"),
    ],
)
def test_a_search_domain_leads_no_whole_name_elsewhere(
    host: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = tmp_path / "hosts"
    hosts.write_text("# hostAliases\n10.1.2.3 other Pinned.example.com # one\n")
    monkeypatch.setattr(module, "HOSTS", hosts)
    assert absolute(host) == asked
