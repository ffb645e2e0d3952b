"""How provider objects stand, and what was asked of providers, as series for Prometheus."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from keypool.core.breaker import State
from keypool.serve.families import Families, Family, Row

OBJECT = ("namespace", "keyprovider")
MOST_PROVIDERS = 1000
"""Provider objects of one namespace that have series."""
MOST_ENDPOINTS = 1000
"""Of one namespace's provider objects."""
_STATES = (State.CLOSED, State.HALF_OPEN, State.OPEN)


class ProviderState(NamedTuple):
    """A provider object after a look. `namespace` is empty for a ClusterKeyProvider; `kind`: of provider, as manifests
    write it; `conditions`: type, status and reason of those that are not as they should be; `waits_for`: who has to act
    (`core.who`), "" where all is well; `credential`: whether the provider takes the admin credential in use, None where
    that is not known or there is none to ask about, and `accepted_at` when it last did; `endpoints`: host and state."""

    namespace: str
    name: str
    kind: str
    ready: bool
    conditions: tuple[tuple[str, str, str], ...] = ()
    waits_for: str = ""
    credential: bool | None = None
    accepted_at: float | None = None
    endpoints: tuple[tuple[str, State], ...] = ()


_GAUGES: tuple[tuple[str, str, Callable[[ProviderState], float | None]], ...] = (
    ("keypool_provider_ready", "1 while the provider object's Ready condition is True.", lambda one: one.ready),
    (
        "keypool_provider_credential_accepted",
        "1 while the provider takes the admin credential in use, 0 while it refuses it, or there is none that may be "
        "used. Absent while that is not known, and where the provider has none.",
        lambda one: one.credential,
    ),
    (
        "keypool_provider_credential_accepted_timestamp_seconds",
        "When the provider last took the admin credential, as Unix time. It is asked every few minutes.",
        lambda one: one.accepted_at,
    ),
)


class ProviderSeries(Families):
    """By the UID of the object: its series exist while it does."""

    def __init__(self) -> None:
        self._states: dict[str, ProviderState] = {}
        self._calls: dict[str, Counter[tuple[str, str]]] = {}

    def note(self, uid: str, state: ProviderState) -> None:
        """What is known of an object now."""
        self._states[uid] = state

    def get(self, uid: str) -> ProviderState | None:
        """What was known of it last."""
        return self._states.get(uid)

    def called(self, uid: str, call: str, outcome: str) -> None:
        """One call to its provider ended."""
        self._calls.setdefault(uid, Counter())[call, outcome] += 1

    def gone(self, uid: str) -> None:
        """The object no longer exists."""
        self._states.pop(uid, None)
        self._calls.pop(uid, None)

    def forget(self) -> None:
        """Another replica tells them from now on."""
        self._states, self._calls = {}, {}

    def families(self) -> Iterator[Family]:
        """All of them."""
        shown = list(self._shown())
        for name, text, value_of in _GAUGES:
            rows = [((one.namespace, one.name), value) for _, one in shown if (value := value_of(one)) is not None]
            yield Family(name, text, OBJECT, rows)
        yield Family(
            "keypool_provider_condition",
            "1 for each condition of a provider object that is not as it should be. What is as it should be has no "
            "series.",
            (*OBJECT, "condition", "status", "reason"),
            [((one.namespace, one.name, *each), 1) for _, one in shown for each in one.conditions],
        )
        yield Family(
            "keypool_provider_waits_for",
            "1 while a condition of a provider object is not as it should be; who has to act: owner (of the object), "
            "platform, provider, or nobody, where it passes by itself.",
            (*OBJECT, "who"),
            [((one.namespace, one.name, one.waits_for), 1) for _, one in shown if one.waits_for],
        )
        yield Family(
            "keypool_endpoint_state",
            "The circuit breaker of a provider's endpoint: 0 closed, 1 half-open, 2 open. Endpoint 0 is the preferred.",
            (*OBJECT, "endpoint", "host"),
            _endpoints(one for _, one in shown),
        )
        yield Family(
            "keypool_provider_calls",
            "Calls to providers, keypool's own checks included; the outcome is ok or the type of error.",
            (*OBJECT, "provider", "call", "outcome"),
            self._counted(shown),
            "counter",
        )

    def _shown(self) -> Iterator[tuple[str, ProviderState]]:
        counts = Counter[str]()
        for uid, state in tuple(self._states.items()):
            counts[state.namespace] += 1
            if counts[state.namespace] <= MOST_PROVIDERS:
                yield uid, state

    def _counted(self, shown: Iterable[tuple[str, ProviderState]]) -> list[Row]:
        rows: list[Row] = []
        for uid, one in shown:
            for (call, outcome), count in tuple(self._calls.get(uid, {}).items()):
                rows.append(((one.namespace, one.name, one.kind, call, outcome), count))
        return rows

    def left_out(self) -> Counter[str]:
        """How many objects of each namespace have no series."""
        counts = Counter(state.namespace for state in tuple(self._states.values()))
        return Counter({each: count - MOST_PROVIDERS for each, count in counts.items() if count > MOST_PROVIDERS})

    def endpoints_left_out(self) -> Counter[str]:
        """How many endpoints of each namespace have none."""
        counts = Counter[str]()
        for _, state in self._shown():
            counts[state.namespace] += len(state.endpoints)
        return Counter({each: count - MOST_ENDPOINTS for each, count in counts.items() if count > MOST_ENDPOINTS})


def _endpoints(shown: Iterable[ProviderState]) -> list[Row]:
    counts, rows = Counter[str](), list[Row]()
    for one in shown:
        for index, (host, state) in enumerate(one.endpoints):
            counts[one.namespace] += 1
            if counts[one.namespace] <= MOST_ENDPOINTS:
                rows.append(((one.namespace, one.name, str(index), host), _STATES.index(state)))
    return rows
