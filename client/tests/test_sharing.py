"""Sharing without a server: what it writes, what it reads, and what it does not do to requests."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keypool_client.policy.verdicts import About, Verdict
from keypool_client.relay.settings import BadSettings, Settings
from keypool_client.sharing import entries, sharing
from keypool_client.sharing.memory import MemoryStore
from keypool_client.sharing.outbox import MOST_WAITING, Outbox
from keypool_client.sharing.port import MOST_KEPT, MOST_READ, StoreLost
from keypool_client.sharing.sharing import Sharing

VERDICT = Verdict(About.RATE, "team-a/chat", "3f9c", "chat-0", "gpt-5", 100.0, 160.0)


class Clock:
    """Stands still, unless it is moved."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


class Side:
    """One relay's end."""

    def __init__(self, store: Any, clock: Clock) -> None:
        self.heard: list[Verdict] = []
        self.sharing = Sharing(store, self._merge, lambda: ["team-a/chat"], clock, lambda: 0.0)

    def _merge(self, verdict: Verdict, now: float) -> bool:
        self.heard.append(verdict)
        return True

    async def round(self) -> None:
        await self.sharing._try()


def test_an_entry_is_read_as_it_was_written() -> None:
    text = entries.dump(VERDICT, 1.8e9)
    assert entries.moved(entries.parse("team-a/chat", text), -1.8e9) == VERDICT
    assert len(text) < entries.MOST_BYTES


@given(st.binary(max_size=2000))
def test_bytes_that_are_no_entry_are_refused_in_words_of_our_own(raw: bytes) -> None:
    with pytest.raises(entries.Malformed) as raised:
        entries.parse("team-a/chat", raw)
    assert len(str(raised.value)) < 60


@pytest.mark.parametrize(
    "change", [{"since": "1"}, {"until": None}, {"name": "n" * 254}, {"about": []}, {"model": "ä"}]
)
def test_a_field_of_another_kind_makes_it_none(change: dict[str, Any]) -> None:
    told = json.loads(entries.dump(VERDICT, 0))
    with pytest.raises(entries.Malformed):
        entries.parse("team-a/chat", json.dumps(told | change).encode())


async def test_relays_whose_clocks_differ_mean_the_same_moment() -> None:
    """All times are the store's."""
    store, here, there = MemoryStore(Clock(1_800_000_000.0)), Clock(100.0), Clock(7.0)
    one, two = Side(store, here), Side(store, there)
    one.sharing.outbox.put(VERDICT)
    await one.round()
    await two.round()
    assert two.heard == [replace(VERDICT, since=7.0, until=67.0)]


async def test_what_was_read_is_not_read_again_and_what_is_over_counts_for_nothing() -> None:
    day, clock = Clock(1_800_000_000.0), Clock(100.0)
    store = MemoryStore(day)
    one, two = Side(store, clock), Side(store, clock)
    one.sharing.outbox.put(VERDICT)
    await one.round()
    await two.round()
    await two.round()
    assert len(two.heard) == 1
    day.now += 61
    clock.now += 61
    late = Side(store, clock)
    await late.round()
    assert late.heard == []
    assert not late.sharing.ignored


async def test_what_is_over_before_it_can_be_told_is_not_told() -> None:
    store, clock = MemoryStore(Clock(1_800_000_000.0)), Clock(161.0)
    side = Side(store, clock)
    side.sharing.outbox.put(VERDICT)
    await side.round()
    assert await store.read("team-a/chat", 0) == []


class Down(MemoryStore):
    """Is there only while it is up; takes only what it has room for."""

    up, room = False, True

    async def now(self) -> int:
        if not self.up:
            raise StoreLost("gone")
        return await super().now()

    async def write(self, entries: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        return await super().write(entries) if self.room else [False] * len(entries)


async def test_what_could_not_be_told_is_told_when_the_store_is_back() -> None:
    store, clock = Down(Clock(1_800_000_000.0)), Clock(100.0)
    one, two = Side(store, clock), Side(store, clock)
    one.sharing.outbox.put(VERDICT)
    await one.round()
    assert one.sharing.connected is False
    store.up, store.room = True, False
    await one.round()
    assert (one.sharing.connected, one.sharing.refused, len(one.sharing.outbox)) == (True, 1, 1)
    store.room = True
    await one.round()
    await two.round()
    assert [each.subject for each in two.heard] == [VERDICT.subject]


async def test_a_store_that_stays_away_is_asked_less_often_but_for_ever() -> None:
    side = Side(Down(Clock(0.0)), Clock(0.0))
    pauses = []
    for _ in range(2000):
        await side.round()
        pauses.append(side.sharing._pause())
    assert pauses[0] < pauses[2] <= max(pauses) <= sharing.LONGEST_PAUSE
    side.sharing._store.up = True  # type: ignore[attr-defined]
    await side.round()
    assert side.sharing.connected


async def test_the_task_ends_with_its_connection_when_it_is_cancelled() -> None:
    closed = asyncio.Event()

    class Closing(MemoryStore):
        async def close(self) -> None:
            closed.set()

    task = asyncio.create_task(Side(Closing(Clock(0.0)), Clock(0.0)).sharing.follow())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed.is_set()


@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 99)), max_size=600))
def test_the_queue_is_bounded_and_has_of_each_subject_what_ends_last(puts: list[tuple[int, int]]) -> None:
    box, last = Outbox(), dict[str, float]()
    for number, until in puts:
        box.put(replace(VERDICT, name=str(number), until=float(until)))
        assert len(box) <= MOST_WAITING
        last[str(number)] = max(last.get(str(number), 0.0), float(until))
    taken = box.take()
    if not box.dropped:
        assert {each.name: each.until for each in taken} == last
    box.put(replace(VERDICT, name="newest"))
    box.give_back(taken)
    assert len(box) <= MOST_WAITING
    assert box.take()[-1].name == "newest"


async def test_the_store_in_memory_keeps_and_gives_no_more_than_the_other_one() -> None:
    store = MemoryStore(Clock(0.0))
    await store.write([("a/b", b"x")] * (MOST_KEPT + 5))
    assert len(await store.read("a/b", 0)) == MOST_READ
    assert len(store._pools["a/b"]) == MOST_KEPT


def told(**variables: str) -> Settings:
    return Settings.read({f"KEYPOOL_RELAY_{name}": value for name, value in variables.items()})


def test_where_to_share_is_a_url_and_nothing_is_shared_without_one() -> None:
    assert told().share is None
    share = told(SHARE="rediss://team-a@[::1]/3").share
    assert share is not None
    assert (share.host, share.port, share.database, share.user, share.tls) == ("::1", 6379, 3, "team-a", True)


@pytest.mark.parametrize(
    "url",
    [
        "valkey.example.com:6379",
        "http://valkey.example.com",
        "redis://",
        "redis://h:0",
        "redis://h:99999",
        "redis://h/x",
        "redis://h/1?ssl_cert_reqs=none",
        "redis://[h",
        "redis://" + "h" * 2000,
        "unix:///run/redis.sock",
    ],
)
def test_a_url_of_another_form_ends_the_start_with_a_sentence(url: str) -> None:
    with pytest.raises(BadSettings, match=r"^KEYPOOL_RELAY_SHARE must be a URL such as rediss:"):
        told(SHARE=url)


def test_a_password_in_the_url_is_refused_and_not_repeated() -> None:
    """`kubectl describe` shows environment variables to more people than may read Secrets."""
    with pytest.raises(BadSettings, match="must hold no password: name its file in") as raised:
        told(SHARE="redis://:hunter2@h:6379")
    assert "hunter2" not in str(raised.value)


def test_a_password_without_a_store_is_a_mistake() -> None:
    with pytest.raises(BadSettings, match="KEYPOOL_RELAY_SHARE_PASSWORD_FILE is set, but KEYPOOL_RELAY_SHARE is not"):
        told(SHARE_PASSWORD_FILE="/x")


def test_without_the_library_one_learns_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keypool_client.sharing.address.find_spec", lambda _: None)
    with pytest.raises(BadSettings, match=r"pip install 'keypool-client\[relay,share\]'"):
        told(SHARE="redis://h")
