"""The relay's end of sharing: its store, and what is counted of it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from keypool_client.policy.choosing import Chooser
from keypool_client.relay.settings import Settings
from keypool_client.sharing.port import Store
from keypool_client.sharing.sharing import Sharing


def store_of(settings: Settings) -> Store | None:
    """None: nothing is shared."""
    if settings.share is None:
        return None
    from keypool_client.sharing.redis import RedisStore  # noqa: PLC0415 7 MB of library that most relays do without

    file = settings.share_password_file
    return RedisStore(settings.share, Path(file) if file else None)


def sharing_of(store: Store, chooser: Chooser, draw: Callable[[], float]) -> Sharing:
    """Of this relay's pools."""
    return Sharing(store, chooser.merge, lambda: [pool.name for pool in chooser.pools], time.monotonic, draw)


class SharingMetrics(Collector):
    """Read when they are asked for."""

    def __init__(self, sharing: Sharing) -> None:
        self._sharing = sharing

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        sharing = self._sharing
        connected = GaugeMetricFamily("keypool_relay_share_connected", "1 while the store of verdicts answers.")
        connected.add_metric([], float(bool(sharing.connected)))
        yield connected
        numbers = {
            "keypool_relay_share_told": ("Verdicts that were left for siblings.", sharing.told),
            "keypool_relay_share_heard": (
                "Verdicts that were read, of this relay itself, too.",
                sharing.heard,
            ),
            "keypool_relay_share_refused": ("Times that the store refused a verdict.", sharing.refused),
            "keypool_relay_share_dropped": ("Verdicts that were not told: too many waited.", sharing.outbox.dropped),
        }
        for name, (doc, number) in numbers.items():
            counter = CounterMetricFamily(name, doc)
            counter.add_metric([], number)
            yield counter
        ignored = CounterMetricFamily("keypool_relay_share_ignored", "Entries that count for nothing.", labels=["why"])
        for why in ("malformed", "too_far", "unknown", "too_large"):
            ignored.add_metric([why], sharing.ignored[why])
        yield ignored
