"""What the relay counts. Every label has a bounded number of values; none is a secret."""

import re
from collections.abc import Iterable
from typing import Any, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from keypool_client.relay.asked import Asked
from keypool_client.relay.usage import Tokens

MOST_MODELS = 50
OTHER = "other"
_PLAIN = re.compile(r"[\w.:/@+-]{1,64}", re.ASCII)
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576)
_GENAI = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")
M = TypeVar("M", Counter, Histogram)


class Metrics:
    """All of them, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._children: dict[tuple[Any, ...], Counter | Histogram] = {}
        self._models: set[str] = set()
        self._requests = Counter(
            "keypool_relay_requests",
            "Requests, by the key of their last attempt, the class of its failure, and how they ended.",
            ("pool", "key_id", "class", "outcome"),
            registry=registry,
        )
        self._attempts = Counter(
            "keypool_relay_attempts",
            "Calls to a provider; class is none for a success.",
            ("pool", "key_id", "class"),
            registry=registry,
        )
        self._handed = Counter(
            "keypool_relay_handed_on",
            "Failed answers that went on to the client, by reason.",
            ("why",),
            registry=registry,
        )
        self._duration = Histogram(
            "gen_ai_server_request_duration",
            "Seconds from a request to the end of its answer, with all attempts.",
            (*_GENAI, "error_type"),
            buckets=_SECONDS,
            registry=registry,
        )
        self._first = Histogram(
            "gen_ai_server_time_to_first_token",
            "Seconds from a request to the first content of a stream.",
            _GENAI,
            buckets=_SECONDS,
            registry=registry,
        )
        self._usage = Histogram(
            "gen_ai_client_token_usage",
            "Tokens of an answer, as the provider counted them.",
            (*_GENAI, "gen_ai_token_type"),
            buckets=_TOKENS,
            registry=registry,
        )
        self.keys = Gauge("keypool_relay_keys", "Keys in the file, by pool.", ("pool",), registry=registry)
        self.usable = Gauge(
            "keypool_relay_keys_usable",
            "Keys that are neither rejected, without credit nor at a limit, by pool.",
            ("pool",),
            registry=registry,
        )
        self.read = Gauge(
            "keypool_relay_file_ok",
            "1 while the mounted folder was read in the last minute and nothing is wrong with it.",
            registry=registry,
        )
        self.open = Gauge("keypool_relay_open_requests", "Requests that are under way.", registry=registry)
        self.connections = Gauge("keypool_relay_connections", "Connections of clients.", registry=registry)
        self.turned_away = Counter(
            "keypool_relay_turned_away", "Connections and requests beyond the bounds.", registry=registry
        )
        self.buffered = Gauge("keypool_relay_buffered_bytes", "Bytes that are held back.", registry=registry)

    def attempt(self, pool: str, key: str, failure: str) -> None:
        """One call ended."""
        self._child(self._attempts, pool, key, failure).inc()

    def count(self, asked: Asked, seconds: float) -> None:
        """One request ended."""
        last = asked.last
        pool, key = ("", "") if last is None else (last.pool.name, last.key.id)
        self._child(self._requests, pool, key, asked.failure, asked.outcome).inc()
        self._child(self._duration, *self._genai(asked), asked.failure).observe(seconds)

    def handed(self, why: str) -> None:
        """A failed answer went on."""
        self._child(self._handed, why).inc()

    def first(self, asked: Asked, seconds: float) -> None:
        """How long a stream took to begin."""
        self._child(self._first, *self._genai(asked)).observe(seconds)

    def tokens(self, asked: Asked, told: Tokens) -> None:
        """What an answer's usage says, if it has one."""
        if any(told):
            genai = self._genai(asked)
            self._child(self._usage, *genai, "input").observe(told[0])
            self._child(self._usage, *genai, "output").observe(told[1])

    def _genai(self, asked: Asked) -> tuple[str, str, str]:
        provider = "" if asked.last is None else asked.last.pool.provider
        return asked.route.call or OTHER, provider, self.model(asked.model)

    def model(self, name: str | None) -> str:
        """A model's name as a label: the first fifty that look like names, and `other`."""
        if name is not None and name in self._models:
            return name
        if name is None or len(self._models) >= MOST_MODELS or not _PLAIN.fullmatch(name):
            return OTHER
        self._models.add(name)
        return name

    def keep(self, pools: Iterable[tuple[str, Iterable[str]]]) -> None:
        """Forgets keys that left the files: rotation would add some for ever."""
        known = {(pool, key) for pool, keys in pools for key in keys} | {("", "")}
        for place in list(self._children):
            metric, *labels = place
            if metric in (self._requests, self._attempts) and (labels[0], labels[1]) not in known:
                metric.remove(*labels)
                del self._children[place]

    def _child(self, metric: M, *labels: str) -> M:
        """Looked up once: `labels` locks and makes strings each time."""
        place = (metric, *labels)
        found = self._children.get(place)
        if found is None:
            found = self._children[place] = metric.labels(*labels)
        return cast("M", found)
