"""What fails while keys and endpoints come and go: counted at a client that tries nothing twice, and in the record."""

import re
import shutil
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import ClientSession

from keypool_lab.demo.mount import Mount
from keypool_lab.relaybench.caller import Caller, asking
from keypool_lab.relaybench.provider import Provider, provider
from keypool_lab.relaybench.starting import publish, relay
from keypool_lab.relaybench.tally import Phase, Span, tally

RETRY_AFTER = 2
_HANDED = re.compile(r'^keypool_relay_handed_on_total\{why="(\w+)"\} (\S+)$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Amount:
    """`size`: keys, and endpoints. `rate`: requests a second; `each`: requests before and after each event; `most`:
    requests under way, of which 1,000 a second need some 100."""

    size: int = 2
    rate: float = 1000.0
    each: int = 3000
    most: int = 200


@dataclass(slots=True)
class Stage:
    """What is going on."""

    amount: Amount
    provider: Provider
    mount: Mount
    caller: Caller
    keys: dict[str, tuple[str, str]]
    """The public id → the provider's id and the value."""
    made: int = 0

    async def add(self) -> str:
        """A new key at the provider; returns its public id."""
        name = f"chat-{self.made}"
        self.made += 1
        self.keys[name] = await self.provider.create(name)
        return name

    def publish(self) -> None:
        """The keys as they are now."""
        urls = [endpoint.url for endpoint in self.provider.endpoints]
        publish(self.mount, urls, {name: value for name, (_, value) in self.keys.items()})

    async def revoke(self, name: str) -> None:
        """At the provider."""
        await self.provider.delete(self.keys.pop(name)[0])

    async def answered_by(self, *names: str) -> None:
        """Returns when each of these keys has answered a request that began from now on."""
        await self.caller.settled()
        since = len(self.caller.seen)
        await self.caller.until(
            lambda: {one.key for one in self.caller.seen[since:] if one.answered} >= set(names),
            f"an answer by each of {', '.join(names)}",
        )

    async def more(self) -> None:
        """As many requests as belong to a phase."""
        await self.caller.more(self.amount.each)


async def _calm(stage: Stage) -> None:
    await stage.more()


async def _rotation(stage: Stage) -> None:
    """As the operator does it: new keys are published, and used, before the old ones are revoked."""
    old = list(stage.keys)
    new = [await stage.add() for _ in old]
    kept = {name: stage.keys.pop(name) for name in old}
    stage.publish()
    await stage.answered_by(*new)
    for key_id, _ in kept.values():
        await stage.provider.delete(key_id)
    await stage.more()


async def _revocation(stage: Stage) -> None:
    """Nobody tells the relay; later comes another key, as the operator would see to it."""
    await stage.revoke(next(iter(stage.keys)))
    await stage.more()
    new = await stage.add()
    stage.publish()
    await stage.answered_by(new)


async def _storm(stage: Stage) -> None:
    key_id, _ = next(iter(stage.keys.values()))
    await stage.provider.throttle(key_id, RETRY_AFTER)
    await stage.more()
    await stage.provider.calm()
    await stage.more()


async def _kill(stage: Stage) -> None:
    endpoint = stage.provider.endpoints[0]
    await stage.caller.until(lambda: stage.caller.under_way > 0, "a request under way")
    await endpoint.kill()
    await stage.more()
    await endpoint.start()
    await stage.answered_by(next(iter(stage.keys)))


PHASES: dict[str, Callable[[Stage], Awaitable[None]]] = {
    "nothing happens": _calm,
    "rotation": _rotation,
    "a key is revoked behind our back": _revocation,
    "429 for one key": _storm,
    "SIGKILL of an endpoint": _kill,
}


async def trouble(amount: Amount, folder: Path, names: Sequence[str] = tuple(PHASES)) -> list[Phase]:
    """Goes through these phases, and counts."""
    keys = folder / f"bench-relay-trouble-{amount.size}"
    shutil.rmtree(keys, ignore_errors=True)
    mount = Mount(keys)
    async with provider(amount.size, folder) as simulator, ClientSession() as session:
        stage = Stage(amount, simulator, mount, Caller(0, 0, 0), {})
        for _ in range(amount.size):
            await stage.add()
        stage.publish()
        async with (
            relay(mount, folder, "relay-in-trouble") as (_, port, metrics),
            asking(port, amount.rate, amount.most) as stage.caller,
        ):
            told = partial(_handed, session, metrics)
            spans = [await _phase(stage, name, told) for name in names]
            await stage.caller.finished()
        calls = await simulator.calls()
    seen = stage.caller.seen
    return [tally(span, [one for one in seen if one.phase == span.name], calls) for span in spans]


async def _phase(stage: Stage, name: str, handed: Callable[[], Awaitable[Counter[str]]]) -> Span:
    """What begins from now on belongs to it; it starts when all that began before has ended."""
    began, stage.caller.phase = time.monotonic(), name
    await stage.caller.settled()
    before = await handed()
    await PHASES[name](stage)
    return Span(name, began, time.monotonic(), dict(await handed() - before))


async def _handed(session: ClientSession, port: int) -> Counter[str]:
    """Failures that the relay handed on so far, by its reason."""
    async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
        found = _HANDED.findall(await answer.text())
    return Counter({why: int(float(count)) for why, count in found})
