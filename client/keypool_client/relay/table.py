"""What the policy knows of keys and endpoints at this moment, as JSON and as a table: public ids, no values."""

from collections.abc import Iterator, Sequence
from typing import Any

from keypool_client.policy.reports import EndpointView, Finding, KeyView, PoolView, Report

MEANING = {
    Finding.CONDEMNED: "the provider rejects it",
    Finding.DOUBTED: "the provider refused it in words that are not known",
    Finding.EXHAUSTED: "it has no credit, quota or budget left",
    Finding.REJECTIONS: "several keys were rejected at once: no more of them is set aside",
}
HEAD = ("POOL", "KEY OR ENDPOINT", "STATE", "OPEN", "ERRORS", "FIRST BYTE", "BACK IN")


def as_json(pools: Sequence[PoolView], reports: Sequence[Report], now: float) -> dict[str, Any]:
    """For programs."""
    return {"state": [_pool(pool) for pool in pools], "reports": [_report(report, now) for report in reports]}


def as_table(pools: Sequence[PoolView], reports: Sequence[Report], troubles: Sequence[str]) -> str:
    """For people."""
    rows = [HEAD, *(row for pool in pools for row in _rows(pool))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    found = [f"{report.key_id or report.pool}: {report.finding}, {MEANING[report.finding]}" for report in reports]
    return "\n".join([*lines, *found, *troubles]) + "\n"


def _rows(pool: PoolView) -> Iterator[tuple[str, ...]]:
    for key in pool.keys:
        latency = "-" if key.latency_ms is None else f"{key.latency_ms:.0f} ms"
        numbers = (str(key.in_flight), f"{key.error_rate:.0%}", latency)
        yield pool.name, key.id, key.state, *numbers, _seconds(key.returns_in)
    for end in pool.endpoints:
        yield pool.name, f"endpoint {end.name}", end.state, "-", "-", "-", _seconds(end.returns_in)


def _seconds(told: float | None) -> str:
    return "-" if told is None else f"{told:.0f} s"


def _pool(pool: PoolView) -> dict[str, Any]:
    return {
        "name": pool.name,
        "keys": [_key(key) for key in pool.keys],
        "endpoints": [_end(end) for end in pool.endpoints],
    }


def _key(key: KeyView) -> dict[str, Any]:
    numbers = {"inFlight": key.in_flight, "errorRate": key.error_rate, "firstByteMs": key.latency_ms}
    return {"id": key.id, "state": key.state, **numbers, "returnsInSeconds": key.returns_in}


def _end(end: EndpointView) -> dict[str, Any]:
    return {"name": end.name, "state": end.state, "returnsInSeconds": end.returns_in}


def _report(report: Report, now: float) -> dict[str, Any]:
    again = None if report.until is None else max(0.0, report.until - now)
    key = {"pool": report.pool, "keyId": report.key_id}
    return {"finding": report.finding, **key, "forSeconds": now - report.since, "returnsInSeconds": again}
