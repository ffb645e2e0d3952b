"""Looks up the names of providers' hosts, in threads of its own: the system's own look-up blocks, and whoever owns a
name decides how long it takes.

So a namespace has a few threads, which it shares with nobody; a look-up has a deadline, after which its thread may go
on alone; one that failed is not repeated for a while; and of a name that many ask for there is one look-up under way.
The threads are no pool's: one that hangs does not hold up the end of the process either.
"""

import asyncio
import socket
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp.abc import AbstractResolver, ResolveResult

from keypool.errand import ERRAND

DEADLINE = 5.0
"""Seconds that somebody waits for a look-up."""
OF_ONE_NAMESPACE = 4
"""Look-ups under way, also those that nobody waits for any more."""
REMEMBERED, FORGOTTEN_AT = 5.0, 1000
"""Seconds for which a failure is remembered, and how many of them."""
HOSTS = Path("/etc/hosts")

LookUp = Callable[[str, int], list[tuple[int, str]]]
"""Of a host and a family: families and addresses. Blocks; raises OSError."""
_Key = tuple[str, int]


class NotLookedUp(OSError):
    """A name has no address now; the message says why, in words."""


@dataclass(slots=True, eq=False)
class _Search:
    key: _Key
    namespace: str
    answer: asyncio.Future[list[tuple[int, str]]]


class Names(AbstractResolver):
    """Belongs to the event loop in which it was made. `deadline` and `remembered` are in seconds."""

    def __init__(
        self, look_up: LookUp | None = None, *, deadline: float = DEADLINE, remembered: float = REMEMBERED
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._look_up, self._deadline, self._remembered = look_up or system_look_up, deadline, remembered
        self._under_way: dict[_Key, _Search] = {}
        self._searching: Counter[str] = Counter()
        self._waiting: dict[str, deque[_Search]] = {}
        self._failed: OrderedDict[_Key, tuple[float, OSError]] = OrderedDict()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Raises OSError, for a name that has no address or none in time."""
        key = host.lower(), int(family)
        self._raise_remembered(key)
        search = self._under_way.get(key) or self._begin(key)
        try:
            async with asyncio.timeout(self._deadline):
                found = await asyncio.shield(search.answer)
        except TimeoutError:
            raise self._too_late(search) from None
        finally:
            self._give_up_unless_begun(search)
        return [_result(host, port, *address) for address in found]

    async def close(self) -> None:
        """Nothing: it outlives each of its users."""

    def _raise_remembered(self, key: _Key) -> None:
        until, error = self._failed.get(key, (0.0, None))
        if error is not None and until > self._loop.time():
            raise error
        self._failed.pop(key, None)

    def _begin(self, key: _Key) -> _Search:
        errand = ERRAND.get()
        search = _Search(key, errand.namespace if errand is not None else "", self._loop.create_future())
        search.answer.add_done_callback(_take_note)
        if self._searching[search.namespace] < OF_ONE_NAMESPACE:
            self._start(search)
        else:
            self._waiting.setdefault(search.namespace, deque()).append(search)
        return search

    def _start(self, search: _Search) -> None:
        self._under_way[search.key] = search
        self._searching[search.namespace] += 1
        threading.Thread(target=self._run, args=(search,), name="look-up", daemon=True).start()

    def _run(self, search: _Search) -> None:
        """In a thread."""
        found: list[tuple[int, str]] | OSError
        try:
            found = self._look_up(*search.key)
        except OSError as error:
            found = error
        except Exception as error:  # noqa: BLE001 - Python refuses some names in other ways
            found = OSError(type(error).__name__)
        with suppress(RuntimeError):  # the loop ended meanwhile
            self._loop.call_soon_threadsafe(self._ended, search, found)

    def _ended(self, search: _Search, found: list[tuple[int, str]] | OSError) -> None:
        del self._under_way[search.key]
        self._searching[search.namespace] -= 1
        if isinstance(found, OSError):
            self._remember(search.key, found)
            search.answer.set_exception(found)
        else:
            search.answer.set_result(found)
        self._start_next(search.namespace)

    def _start_next(self, namespace: str) -> None:
        waiting = self._waiting.get(namespace)
        while waiting and self._searching[namespace] < OF_ONE_NAMESPACE:
            search = waiting.popleft()
            if (same := self._under_way.get(search.key)) is not None:
                same.answer.add_done_callback(partial(_hand_over, to=search.answer))
            else:
                self._start(search)
        if not waiting:
            self._waiting.pop(namespace, None)
        if not self._searching[namespace]:
            del self._searching[namespace]

    def _give_up_unless_begun(self, search: _Search) -> None:
        waiting = self._waiting.get(search.namespace)
        if waiting is not None and search in waiting:
            waiting.remove(search)
            search.answer.cancel()

    def _too_late(self, search: _Search) -> NotLookedUp:
        seconds = f"{self._deadline:.2g} s"
        if search is not self._under_way.get(search.key):
            others = "names of other providers' hosts are not answered, and take the namespace's places"
            return NotLookedUp(f"its name was not looked up within {seconds}: {others}")
        error = NotLookedUp(f"no answer about its name within {seconds}")
        self._remember(search.key, error)
        return error

    def _remember(self, key: _Key, error: OSError) -> None:
        self._failed[key] = (self._loop.time() + self._remembered, error)
        self._failed.move_to_end(key)
        if len(self._failed) > FORGOTTEN_AT:
            self._failed.popitem(last=False)


_OF_LOOPS: dict[asyncio.AbstractEventLoop, Names] = {}


def names() -> Names:
    """The running loop's: all its transports share it."""
    loop = asyncio.get_running_loop()
    if loop not in _OF_LOOPS:
        for other in [other for other in _OF_LOOPS if other.is_closed()]:
            del _OF_LOOPS[other]
        _OF_LOOPS[loop] = Names()
    return _OF_LOOPS[loop]


def system_look_up(host: str, family: int) -> list[tuple[int, str]]:
    """As the system does; but a name is taken for a whole one, so that no search domain leads it elsewhere."""
    found = socket.getaddrinfo(absolute(host), None, type=socket.SOCK_STREAM, family=family, flags=socket.AI_ADDRCONFIG)
    return [(int(kind), str(address[0])) for kind, _, _, _, address in found]


def absolute(host: str) -> str:
    """With a dot at its end: in a cluster, api.ai would else mean the Service `api` in a namespace `ai`. Names that
    mean nothing outside go by the search domains: those without a dot, and those that end in .svc. What stands in the
    file of hosts, as with hostAliases, is found there only without that dot."""
    name = host.rstrip(".").lower()
    relative = "." not in name or name.endswith(".svc") or name.replace(".", "").isdigit() or ":" in name
    return host if host.endswith(".") or relative or name in _in_file() else f"{host}."


def _in_file() -> frozenset[str]:
    try:
        lines = HOSTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(name.lower() for line in lines for name in line.partition("#")[0].split()[1:])


def _result(host: str, port: int, family: int, address: str) -> ResolveResult:
    numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=socket.IPPROTO_TCP, flags=numeric)


def _take_note(answer: asyncio.Future[list[tuple[int, str]]]) -> None:
    if not answer.cancelled():
        answer.exception()  # else asyncio logs that nobody did


def _hand_over(done: asyncio.Future[list[tuple[int, str]]], to: asyncio.Future[list[tuple[int, str]]]) -> None:
    if to.done():
        return
    if done.cancelled():
        to.cancel()
    elif (error := done.exception()) is not None:
        to.set_exception(error)
    else:
        to.set_result(done.result())
