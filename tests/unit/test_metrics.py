"""Metrics add up, and a pool that is gone leaves no series behind."""

from datetime import UTC, datetime
from decimal import Decimal

from keypool.core.breaker import State
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Usage
from keypool.serve.by_pool import MOST
from keypool.serve.metrics import Metrics
from keypool.serve.metrics_budget import MOST_LEVELS, Level
from keypool.serve.pools import PoolState
from keypool.serve.providers import MOST_ENDPOINTS, MOST_PROVIDERS, ProviderState
from keypool.serve.usage import MOST_KEYS, PoolUsage

WHEN = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def sample(metrics: Metrics, name: str, **labels: str) -> float | None:
    """The value of one series."""
    return metrics.registry.get_sample_value(name, labels)


def test_keys_are_summed_over_pools_by_state() -> None:
    metrics = Metrics()
    metrics.pools.note("ns", "a", PoolState(True, WHEN, (KeyState.ACTIVE, KeyState.ACTIVE, KeyState.DRAINING)))
    metrics.pools.note("ns", "b", PoolState(False, None, (KeyState.ACTIVE,)))
    assert sample(metrics, "keypool_keys", state="active") == 3
    metrics.pools.note("ns", "a", PoolState(True, WHEN, (KeyState.ACTIVE,)))
    assert sample(metrics, "keypool_keys", state="active") == 2
    assert sample(metrics, "keypool_keys", state="draining") == 0


def test_a_pools_series_end_with_it() -> None:
    metrics = Metrics()
    metrics.pools.note("ns", "a", PoolState(True, WHEN, (KeyState.ACTIVE, KeyState.ACTIVE)))
    assert sample(metrics, "keypool_pool_ready", namespace="ns", pool="a") == 1
    assert sample(metrics, "keypool_next_rotation_timestamp_seconds", namespace="ns", pool="a") == WHEN
    metrics.on_pool_gone("ns", "a")
    metrics.on_pool_gone("ns", "a")
    assert b'pool="a"' not in metrics.text()
    assert sample(metrics, "keypool_keys", state="active") == 0


def test_a_condition_that_is_not_as_it_should_be_is_a_series_until_it_is() -> None:
    metrics = Metrics()
    stuck = (("Stalled", "True", "KeyRefused"),)
    metrics.pools.note("ns", "a", PoolState(True, WHEN, (), published=1, wanted=2, conditions=stuck))
    labels = {"namespace": "ns", "pool": "a", "condition": "Stalled", "status": "True", "reason": "KeyRefused"}
    assert sample(metrics, "keypool_pool_condition", **labels) == 1
    assert sample(metrics, "keypool_pool_keys_published", namespace="ns", pool="a") == 1
    assert sample(metrics, "keypool_pool_keys_wanted", namespace="ns", pool="a") == 2
    metrics.pools.note("ns", "a", PoolState(True, WHEN, (), published=2, wanted=2))
    assert sample(metrics, "keypool_pool_condition", **labels) is None


def test_ten_thousand_pools_at_rest_with_usage_make_a_scrape_of_two_kilobytes_each() -> None:
    metrics = Metrics()
    for number in range(10_000):
        namespace, pool = f"team-{number % 100}", f"pool-{number}"
        at_rest = PoolState(True, WHEN, (KeyState.ACTIVE,), last_rotation=WHEN, good_probe=WHEN)
        metrics.pools.note(namespace, pool, at_rest._replace(expiry=WHEN, renewal=WHEN))
        used = Usage(requests=number, spend=Decimal(number), last_used_at=datetime.fromtimestamp(WHEN, UTC))
        metrics.usage.note(namespace, pool, PoolUsage(used, {f"{pool}-0-0123456789": used}, Decimal("0.5")))
    text = metrics.text()
    assert text.count(b"\n") < 14.1 * 10_000
    assert len(text) < 20_000_000


def test_a_pool_tells_its_unusual_keys_its_first_expiry_and_who_has_to_act() -> None:
    metrics, own = Metrics(), {"namespace": "ns", "pool": "a"}
    keys = (KeyState.ACTIVE, KeyState.HELD, KeyState.HELD)
    metrics.pools.note("ns", "a", PoolState(True, None, keys, expiry=WHEN, renewal=WHEN - 60, waits_for="owner"))
    assert sample(metrics, "keypool_pool_keys", **own, state="held") == 2
    assert sample(metrics, "keypool_pool_keys", **own, state="active") is None
    assert sample(metrics, "keypool_pool_earliest_expiry_timestamp_seconds", **own) == WHEN
    assert sample(metrics, "keypool_pool_renewal_due_timestamp_seconds", **own) == WHEN - 60
    assert sample(metrics, "keypool_pool_waits_for", **own, who="owner") == 1


def test_no_next_rotation_is_no_series() -> None:
    metrics = Metrics()
    metrics.pools.note("ns", "a", PoolState(True, WHEN, ()))
    metrics.pools.note("ns", "a", PoolState(True, None, ()))
    assert sample(metrics, "keypool_next_rotation_timestamp_seconds", namespace="ns", pool="a") is None


def vendor(*endpoints: State, namespace: str = "ns", name: str = "vendor") -> ProviderState:
    """A provider object with such endpoints."""
    hosts = ("eu.example.com", "us.example.com:8443")
    return ProviderState(namespace, name, "holySheep", True, endpoints=tuple(zip(hosts, endpoints, strict=False)))


def test_the_endpoints_of_a_provider_are_series_until_it_is_gone() -> None:
    metrics = Metrics()
    metrics.providers.note("uid", vendor(State.CLOSED, State.HALF_OPEN))
    metrics.providers.note("uid", vendor(State.OPEN, State.CLOSED))
    own = {"namespace": "ns", "keyprovider": "vendor"}
    assert sample(metrics, "keypool_endpoint_state", **own, endpoint="0", host="eu.example.com") == 2
    assert sample(metrics, "keypool_endpoint_state", **own, endpoint="1", host="us.example.com:8443") == 0
    metrics.providers.gone("uid")
    metrics.providers.gone("uid")
    assert b'keyprovider="vendor"' not in metrics.text()


def test_a_provider_tells_what_is_wrong_and_who_has_to_act() -> None:
    metrics, own = Metrics(), {"namespace": "ns", "keyprovider": "vendor"}
    rejected = (("Stalled", "True", "CredentialRejected"),)
    state = vendor()._replace(ready=False, conditions=rejected, waits_for="owner", credential=False)
    metrics.providers.note("uid", state)
    labels = {**own, "condition": "Stalled", "status": "True", "reason": "CredentialRejected"}
    assert sample(metrics, "keypool_provider_condition", **labels) == 1
    assert sample(metrics, "keypool_provider_waits_for", **own, who="owner") == 1
    assert sample(metrics, "keypool_provider_ready", **own) == 0
    assert sample(metrics, "keypool_provider_credential_accepted", **own) == 0
    metrics.providers.note("uid", vendor()._replace(accepted_at=WHEN))
    assert sample(metrics, "keypool_provider_condition", **labels) is None
    assert sample(metrics, "keypool_provider_credential_accepted", **own) is None
    assert sample(metrics, "keypool_provider_credential_accepted_timestamp_seconds", **own) == WHEN


def test_calls_are_counted_by_object_and_outcome_until_the_object_is_gone() -> None:
    metrics = Metrics()
    metrics.on_request("update", "secrets", 409, 0.01)
    metrics.on_provider_call("uid", "holySheep", "create", "Throttled", 0.2)
    metrics.providers.note("uid", vendor())
    assert sample(metrics, "keypool_kube_requests_total", verb="update", resource="secrets", code="409") == 1
    own = {"namespace": "ns", "keyprovider": "vendor", "provider": "holySheep"}
    assert sample(metrics, "keypool_provider_calls_total", **own, call="create", outcome="Throttled") == 1
    metrics.providers.gone("uid")
    assert b"keypool_provider_calls_total{" not in metrics.text()


def test_two_objects_of_one_name_one_after_another_do_not_end_each_others_series() -> None:
    metrics = Metrics()
    metrics.providers.note("old", vendor())
    metrics.providers.note("new", vendor())
    metrics.providers.gone("old")
    assert sample(metrics, "keypool_provider_ready", namespace="ns", keyprovider="vendor") == 1


def test_what_nobody_can_tell_has_no_series() -> None:
    """A standby, and a replica that has just begun, know nothing of pools, watches and clocks."""
    text = Metrics().text()
    for name in ("watch_age_seconds", "resync_age_seconds", "keys_owed", "queue_depth", "clocks_agree", "writes_held"):
        assert f"\nkeypool_{name}".encode() not in text
    assert b" -1" not in text


def test_the_build_is_told() -> None:
    assert b'keypool_build_info{python="' in Metrics().text()


def test_a_name_with_odd_characters_is_escaped_as_the_library_does_it() -> None:
    metrics = Metrics()
    metrics.usage.note("ns", 'a"b\\c\nd', PoolUsage(Usage(requests=3), {}, None))
    assert b'keypool_pool_requests_total{namespace="ns",pool="a\\"b\\\\c\\nd"} 3.0\n' in metrics.text()


def test_ages_are_asked_for_at_each_scrape() -> None:
    metrics = Metrics()
    ages: dict[str, float] = {"apikeypools": 40.0, "secrets": 3.0}
    metrics.read_when_scraped(
        queue_depth=lambda: 7,
        queue_wait=lambda: 1.5,
        keys_owed=lambda: 2,
        leader=lambda: True,
        watch_ages={kind: (lambda kind=kind: ages[kind]) for kind in ages},  # type: ignore[misc]
        resync_age=lambda: 9.0,
        served={"team": lambda: False},
        ledgers_unserved=lambda: 3,
    )
    assert sample(metrics, "keypool_watch_age_seconds", kind="apikeypools") == 40
    assert sample(metrics, "keypool_watch_age_seconds", kind="secrets") == 3
    ages["apikeypools"] = 5.0
    assert sample(metrics, "keypool_watch_age_seconds", kind="apikeypools") == 5
    assert sample(metrics, "keypool_queue_depth") == 7
    assert sample(metrics, "keypool_queue_longest_wait_seconds") == 1.5
    assert sample(metrics, "keypool_keys_owed") == 2
    assert sample(metrics, "keypool_leader") == 1
    assert sample(metrics, "keypool_namespace_served", namespace="team") == 0
    assert sample(metrics, "keypool_ledgers_unserved") == 3
    metrics.forget()
    assert sample(metrics, "keypool_keys_owed") is None
    assert sample(metrics, "keypool_watch_age_seconds", kind="secrets") is None


def test_budgets_are_asked_for_at_each_scrape() -> None:
    metrics = Metrics()
    levels = [Level("ns", "vendor", {"minute": 7, "day": 900}, 3, {"day": 1000})]
    metrics.read_budgets(lambda: levels)
    account = {"namespace": "ns", "keyprovider": "vendor"}
    assert sample(metrics, "keypool_request_budget_left", window="minute", **account) == 7
    assert sample(metrics, "keypool_request_budget_left", window="day", **account) == 900
    assert sample(metrics, "keypool_requests_waiting", **account) == 3
    assert sample(metrics, "keypool_request_budget", window="day", **account) == 1000
    levels.clear()
    assert b'keyprovider="vendor"' not in metrics.text()


def test_two_operators_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.pools.note("ns", "a", PoolState(True, None, (KeyState.ACTIVE,)))
    assert sample(second, "keypool_keys", state="active") == 0


def test_a_namespace_with_too_many_pools_fills_no_scrape_and_what_is_left_out_is_told() -> None:
    metrics = Metrics()
    for number in range(MOST + 500):
        metrics.pools.note("crowd", f"pool-{number}", PoolState(True, None, (KeyState.ACTIVE,)))
        metrics.usage.note("crowd", f"pool-{number}", PoolUsage(Usage(requests=1), {}, None))
    metrics.pools.note("crowd", "leaky", PoolState(True, None, (), leaks=1))
    metrics.pools.note("crowd", "stuck", PoolState(False, None, (), conditions=(("Stalled", "True", "KeyRefused"),)))
    metrics.pools.note("bystander", "web", PoolState(True, None, ()))
    text = metrics.text()
    assert text.count(b'keypool_pool_ready{namespace="crowd"') == MOST
    assert b'keypool_pool_ready{namespace="bystander",pool="web"} 1.0' in text
    assert b'keypool_pool_leaks_uncontained{namespace="crowd",pool="leaky"} 1.0' in text
    assert b'pool="stuck"' in text
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="pools") == 502
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="usage") == 500
    assert sample(metrics, "keypool_series_left_out", namespace="bystander", of="pools") is None
    assert sample(metrics, "keypool_keys", state="active") == MOST + 500


def test_a_namespace_with_too_many_keys_has_series_of_some() -> None:
    metrics = Metrics()
    for number in range(MOST_KEYS // 100 + 5):
        keys = {f"key-{number}-{key}": Usage(requests=1) for key in range(100)}
        metrics.usage.note("crowd", f"pool-{number}", PoolUsage(Usage(requests=1), keys, None))
    metrics.usage.note("bystander", "web", PoolUsage(Usage(requests=1), {"key": Usage(requests=1)}, None))
    text = metrics.text()
    assert text.count(b'keypool_key_requests_total{key="key-') == MOST_KEYS
    assert b'pool="web"' in text
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="keys") == 500


def test_a_namespace_with_too_many_provider_objects_has_series_of_some_and_room_again_when_they_go() -> None:
    metrics = Metrics()
    for number in range(MOST_PROVIDERS + 1):
        metrics.providers.note(f"uid-{number}", vendor(State.CLOSED, State.OPEN, namespace="crowd", name=f"p-{number}"))
    metrics.providers.note("uid", vendor(State.CLOSED, namespace="bystander"))
    text = metrics.text()
    assert text.count(b"keypool_endpoint_state{") == MOST_ENDPOINTS + 1
    assert text.count(b"keypool_provider_ready{") == MOST_PROVIDERS + 1
    assert b'keypool_endpoint_state{endpoint="0",host="eu.example.com",keyprovider="vendor",namespace="bys' in text
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="providers") == 1
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="endpoints") == MOST_ENDPOINTS
    metrics.providers.gone("uid-0")
    assert sample(metrics, "keypool_series_left_out", namespace="crowd", of="providers") is None
    metrics.forget()
    assert b"keypool_endpoint_state{" not in metrics.text()


def test_a_namespace_with_too_many_budgets_has_series_of_some() -> None:
    metrics = Metrics()
    crowd = [Level("crowd", f"p-{number}", {"minute": 1}, 0) for number in range(MOST_LEVELS + 3)]
    metrics.read_budgets(lambda: [*crowd, Level("bystander", "acme", {"minute": 1}, 0)])
    text = metrics.text()
    assert text.count(b"keypool_requests_waiting{") == MOST_LEVELS + 1
    assert b'namespace="bystander"' in text
