"""Tells the API server which keys this pod holds, in a KeyHolder of its own. No request ever waits for it."""

import asyncio
import json
import logging
from collections.abc import Callable
from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge

from keypool_client.relay.apiserver import Outcome, call
from keypool_client.relay.holder import Holding, Told, is_urgent, key_holder
from keypool_client.relay.pacing import Pace
from keypool_client.relay.pod import Access, NoAccess, Pod

ADVICE = {
    Outcome.REFUSED: "the pod's service account needs the rights of manifests/relay/holders; tried again rarely",
    Outcome.ABSENT: "install the resource KeyHolder of keypool's CRDs; tried again rarely",
    Outcome.FAILED: "tried again soon",
}
log = logging.getLogger(__name__)


class Reporting:
    """`await Reporting(…).follow()` goes on until it is cancelled."""

    def __init__(
        self,
        pod: Pod,
        holding: Holding,
        registry: CollectorRegistry,
        draw: Callable[[], float],
        clock: Callable[[], float],
    ) -> None:
        """`clock` returns monotonic seconds."""
        self._pod, self._holding, self._clock = pod, holding, clock
        self._pace = Pace(clock(), draw)
        self._woken = asyncio.Event()
        self._written: Told = {}
        self._namespace: str | None = None
        self._said = ""
        """The last failure that is in the log."""
        self._said_left_out = False
        self._reports = Counter(
            "keypool_relay_reports",
            "Reports of the keys that this pod holds: written, refused, absent (no such resource) or failed.",
            ("outcome",),
            registry=registry,
        )
        self._known = Gauge(
            "keypool_relay_report_ok",
            "1 while the API server took the last report of the keys that this pod holds.",
            registry=registry,
        )
        holding.changed = self._woken.set

    async def follow(self) -> None:
        """For ever."""
        while True:
            self._woken.clear()
            told, now = self._holding.told(self._namespace), self._clock()
            urgent = is_urgent(self._written, told)
            self._pace.wanted(now, differs=told != self._written, urgent=urgent)
            if now >= self._pace.report_at():
                await self._report()
            elif now >= self._pace.look_at():
                await self._look()
            else:
                await self._sleep(min(self._pace.report_at(), self._pace.look_at()) - now)

    async def _sleep(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def _report(self) -> None:
        """What is held at this moment."""
        told: Told = {}
        try:
            access = await self._access()
            told = self._holding.told(access.namespace)
            if told == self._written:
                return  # all that differed is of other namespaces
            body = json.dumps(key_holder(self._pod.name, self._pod.uid, told)).encode()
            outcome, why = await call(self._pod, access, "PATCH", body)
        except NoAccess as error:
            outcome, why = Outcome.FAILED, str(error)
        self._reports.labels(outcome).inc()
        self._known.set(outcome is Outcome.WRITTEN)
        if outcome is Outcome.WRITTEN:
            self._wrote(told)
        else:
            self._failed(outcome, why)

    async def _access(self) -> Access:
        access = await asyncio.to_thread(self._pod.access)
        self._namespace = access.namespace
        return access

    def _wrote(self, told: Told) -> None:
        self._written = told
        self._pace.written(self._clock())
        if self._said:
            log.info("the API server takes the report of this pod's keys")
            self._said = ""
        left_out = self._holding.count > sum(map(len, told.values()))
        if left_out and not self._said_left_out:
            log.warning("the pod's KeyHolder tells a part of its keys: it has too many, or some of another namespace")
        self._said_left_out = left_out

    def _failed(self, outcome: Outcome, why: str) -> None:
        """Said once for each way to fail, until a report is taken."""
        self._pace.failed(self._clock(), refused=outcome is not Outcome.FAILED)
        if self._said != outcome:
            self._said = outcome
            log.warning("nobody is told which keys this pod holds: %s; %s", why, ADVICE[outcome])

    async def _look(self) -> None:
        """Somebody may have deleted it."""
        outcome = Outcome.FAILED
        with suppress(NoAccess):
            outcome, _ = await call(self._pod, await self._access(), "GET", None)
        self._pace.looked(self._clock())
        if outcome is Outcome.ABSENT:
            self._written = {}
