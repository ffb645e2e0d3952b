"""What the operator's /metrics and the simulator's record tell."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

WRITES = frozenset({"create", "update", "patch", "apply", "delete"})
_SECONDS = aiohttp.ClientTimeout(total=30)
_LOOKED_AT = re.compile(r"^keypool_pool_ready\{", re.MULTILINE)
_LEFT_OUT = re.compile(r'^keypool_series_left_out\{[^}]*of="pools"\} (\S+)$', re.MULTILINE)
_REQUESTS = "keypool_kube_requests_total"


@dataclass(frozen=True, slots=True)
class Scrape:
    """`requests` counts the requests to the Kubernetes API by "verb resource"; `looked_at` the pools that a pass of
    this process has come to a conclusion about."""

    requests: Counter[str]
    looked_at: int


def parse(text: str) -> Scrape:
    """Reads the exposition format. Most lines are series of single pools, which are only counted."""
    lines = "\n".join(line for line in text.splitlines() if line.startswith(_REQUESTS))
    requests: Counter[str] = Counter()
    for family in text_string_to_metric_families(lines + "\n"):
        for sample in family.samples:
            requests[f"{sample.labels['verb']} {sample.labels['resource']}"] += int(sample.value)
    without_series = sum(int(float(count)) for count in _LEFT_OUT.findall(text))
    return Scrape(requests, len(_LOOKED_AT.findall(text)) + without_series)


def writes(requests: Counter[str]) -> Counter[str]:
    """Those that change something."""
    return Counter({what: count for what, count in requests.items() if what.partition(" ")[0] in WRITES})


async def scrape(session: aiohttp.ClientSession, url: str) -> Scrape:
    """The operator's figures as of now, at most a second old. Raises aiohttp.ClientError."""
    async with session.get(f"{url}/metrics", timeout=_SECONDS) as response:
        return parse(await response.text())


async def provider_calls(session: aiohttp.ClientSession, url: str, admin_key: str, since: float) -> Counter[str]:
    """Calls that the simulator decided from `since` (seconds since the epoch) on, by kind."""
    headers = {"Authorization": f"Bearer {admin_key}"}
    query = {"calls": "any", "since": str(since)}
    address = url.removesuffix("/v1") + "/_lab/record"
    async with session.get(address, params=query, headers=headers, timeout=_SECONDS) as response:
        response.raise_for_status()
        record = await response.json()
    return _by_kind(call["kind"] for call in record["calls"])


def _by_kind(kinds: Iterable[str]) -> Counter[str]:
    return Counter(kinds)
