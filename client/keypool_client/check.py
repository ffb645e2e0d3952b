"""Tries a mounted folder and its endpoints, and says what is wrong. It sends no key and prints no value."""

import os
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from time import monotonic

from keypool_client.keys import Folder
from keypool_client.model import Endpoint, Pool
from keypool_client.reach import Unreached, Way, reach

_GRACE = 0.5
"""Seconds that an endpoint gets beyond its deadline to say itself what it waited for."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried."""

    well: bool
    text: str


def check(path: Path, environ: Mapping[str, str], timeout: float) -> Iterator[Finding]:
    """All that was found, as it is found; within about `timeout` seconds, because endpoints are tried side by side."""
    folder = Folder(path)
    folder.look()
    yield from (Finding(False, trouble) for trouble in folder.now.troubles)
    yield from _authorities(environ)
    for pool in folder.now.pools:
        yield from _pool(pool)
    yield from _endpoints(folder.now.pools, environ, timeout)


def _authorities(environ: Mapping[str, str]) -> Iterator[Finding]:
    """OpenSSL says nothing when these are not there, and then trusts nobody."""
    for variable, is_there, what in (
        ("SSL_CERT_FILE", os.path.isfile, "file"),
        ("SSL_CERT_DIR", os.path.isdir, "folder"),
    ):
        path = environ.get(variable)
        if path and not is_there(path):
            yield Finding(False, f"{variable}: there is no such {what}; name one with certificates, or leave it out")


def _pool(pool: Pool) -> Iterator[Finding]:
    what = f"pool {pool.name} of {pool.provider}"
    if not pool.keys:
        yield Finding(False, f"{what}: has no key at the moment: kubectl describe its ApiKeyPool says why")
        return
    yield Finding(True, f"{what}: keys: {len(pool.keys)}, dialects: {', '.join(pool.dialects)}")
    used = {name for key in pool.keys for name in key.endpoints}
    for endpoint in pool.endpoints:
        if endpoint.name not in used:
            yield Finding(True, f"{what}: endpoint {endpoint.name}: no key is valid there, so it is not used")


def _endpoints(pools: tuple[Pool, ...], environ: Mapping[str, str], timeout: float) -> Iterator[Finding]:
    """In daemon threads: looking up a name cannot be ended, and is left behind at the end."""
    found: Queue[tuple[str, Finding]] = Queue()
    ways: dict[str, Way] = {}
    ends = monotonic() + timeout
    for what, url, endpoint in _wanted(pools):
        ways[what] = Way(url, endpoint.ca, ends)
        threading.Thread(target=_try, args=(what, ways[what], environ, found), daemon=True).start()
    while ways:
        try:
            what, finding = found.get(timeout=max(0.0, ends + _GRACE - monotonic()))
        except Empty:
            break
        del ways[what]
        yield finding
    yield from (Finding(False, f"{what}: no answer in {timeout:g} s while it {way.step}") for what, way in ways.items())


def _wanted(pools: tuple[Pool, ...]) -> Iterator[tuple[str, str, Endpoint]]:
    for pool in pools:
        for endpoint in pool.endpoints:
            for dialect, url in endpoint.bases.items():
                yield f"pool {pool.name}: endpoint {endpoint.name} ({dialect}, {url})", url, endpoint


def _try(what: str, way: Way, environ: Mapping[str, str], found: "Queue[tuple[str, Finding]]") -> None:
    try:
        finding = Finding(True, f"{what}: {reach(way, environ)}")
    except Unreached as error:
        finding = Finding(False, f"{what}: {error}")
    except Exception as error:  # noqa: BLE001  # whatever it is, the others are told all the same
        finding = Finding(False, f"{what}: failed with {type(error).__name__} while it {way.step}")
    found.put((what, finding))
