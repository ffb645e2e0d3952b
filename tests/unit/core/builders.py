"""Builders with defaults: a pool of two slots, its ledger, its Secrets and one pass's observation."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from pydantic import SecretStr

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.status import Condition
from keypool.core.capabilities import Capabilities
from keypool.core.conclude import conclude
from keypool.core.decision import Plan, Rule
from keypool.core.effective import effective
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Checked, Observation, PoolFacts, Problem, ProviderFacts
from keypool.core.plan import plan
from keypool.core.projection import Desired, project
from keypool.core.reasons import Reason
from keypool.core.told import relay_of
from keypool.core.views_secret import SecretView

T = TypeVar("T")

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
EPOCH = "epoch-2"
NAMING = Capabilities(lists_names=True, listing_lag=5 * SECOND, activation_lag=5 * SECOND)
PROVIDER = ProviderFacts("provider-1", "vendor", "https://vendor.example/v1", NAMING)
CHOOSING = replace(PROVIDER, capabilities=replace(NAMING, chooses_value=True))
ABLE = replace(PROVIDER, capabilities=replace(NAMING, disables_keys=True, changes_limits=True, sets_rate_limit=True))
NAMELESS = ProviderFacts("provider-1", "vendor", "https://vendor.example/v1", Capabilities())
DOWN = Problem(Reason.PROVIDER_NOT_READY, "the provider is down", stalls=False)
FOREIGN = Problem(Reason.SECRET_FOREIGN, "Secret web exists and is not ours")


def a_spec(**fields: Any) -> ApiKeyPoolSpec:
    """A spec as a manifest gives it: `a_spec(size=3, key={"lifetime": "24h"})`."""
    return ApiKeyPoolSpec.model_validate({"providerRef": {"name": "vendor"}, **fields})


TEMPLATE = effective(a_spec(), NAMING).template(PROVIDER.uid)


def a_pool(**facts: Any) -> PoolFacts:
    """The pool `shop/web`, generation 1, with our finalizer."""
    given = {"generation": 1, "has_finalizer": True, "spec": a_spec(), **facts}
    return PoolFacts(uid="pool-1", namespace="shop", name="web", **given)


def a_key(slot: Any = 0, state: Any = KeyState.ACTIVE, name: Any = "", **facts: Any) -> Any:
    """A key made an hour ago. From CREATED on it has handle and value; ACTIVE ones are published."""
    name = name or f"{state.value}-{slot}"
    known: dict[str, Any] = {}
    if state not in (KeyState.INTENDED, KeyState.UNRESOLVED, KeyState.HELD):
        known = {"handle": f"h-{name}", "value": SecretStr(f"sk-{name}"), "created_at": NOW - HOUR}
    if state in (KeyState.ACTIVE, KeyState.DRAINING, KeyState.DISABLED):
        known["published_at"] = NOW - HOUR
    if state in (KeyState.DRAINING, KeyState.DISABLED):
        known["unpublished_at"] = NOW - MINUTE
    if state is KeyState.DISABLED:
        known["disabled_at"] = NOW - MINUTE
    made = {"intended_at": NOW - HOUR, "expires_at": NOW + 30 * DAY, "share": 1.0, "why": "slot empty"}
    identity = {"name": name, "slot": slot, "state": state, "provider": PROVIDER.uid, "template": TEMPLATE}
    return KeyRecord.model_validate({**identity, **made, "epoch": EPOCH, **known, **facts})


def a_ledger(*keys: KeyRecord, **facts: Any) -> Ledger:
    """A ledger whose primary is its first active key; generation 1 is satisfied where there is one."""
    active = [key for key in keys if key.state is KeyState.ACTIVE]
    first = active[0].name if active else None
    given: dict[str, Any] = {
        "revision": 7,
        "publication": 5,
        "primary": first,
        "base_url": PROVIDER.base_url,
        "relay": relay_of(PROVIDER),
    }
    given |= {"seals": ("s",), **facts}
    given.setdefault("satisfied_generation", 1 if active else None)
    return Ledger(pool_uid="pool-1", namespace="shop", pool="web", keys=keys, **given)


def a_view(secret: Desired, **facts: Any) -> SecretView:
    """The Secret as it looks after it was written."""
    digests = {entry: hashlib.sha256(text.encode()).hexdigest() for entry, text in secret.data.items()}
    given: dict[str, Any] = {
        "uid": f"uid-{secret.name}",
        "resource_version": "1",
        "owner_uid": "pool-1",
        "controlled_by_other": False,
        "type": "Opaque",
        "immutable": False,
        "digests": digests,
        "labels": secret.labels,
        "annotations": secret.annotations,
        "managed_labels": frozenset(secret.labels),
        "managed_annotations": frozenset(secret.annotations),
    }
    return SecretView(namespace="shop", name=secret.name, **{**given, **facts})


def written(ledger: Ledger, spec: ApiKeyPoolSpec) -> dict[str, SecretView]:
    """The Secrets exactly as the ledger says."""
    return {secret.name: a_view(secret) for secret in project(ledger, spec)}


def seen(*keys: KeyRecord, ledger: Ledger | None = None, pool: PoolFacts | None = None, **facts: Any) -> Observation:
    """An observation in which the Secrets are what the ledger says, unless `secrets` are given."""
    ledger = ledger if ledger is not None else a_ledger(*keys)
    pool = pool if pool is not None else a_pool()
    if "secrets" not in facts:
        facts["secrets"] = written(ledger, pool.spec) if pool.spec is not None else {}
    given = {"provider": PROVIDER, "epoch": EPOCH, "installation": "inst", "entropy": "e1", **facts}
    given.setdefault("started_at", NOW - 2 * HOUR)
    return Observation(pool=pool, ledger=ledger, **given)


def accepted(*names: str, at: datetime = NOW) -> Mapping[str, Checked]:
    """Probes that these keys passed."""
    return {name: Checked(at, accepted=True) for name in names}


def rejected(*names: str, times: int = 3, at: datetime = NOW) -> Mapping[str, Checked]:
    """Probes that these keys failed, so often in a row."""
    return {name: Checked(at, accepted=False, rejections=times) for name in names}


def decide(rule: Rule, o: Observation, *before: Any, now: datetime = NOW) -> Any:
    """What one rule answers, after the actions `before` were planned. A Decision; Any, so that tests read on."""
    return rule(o, Plan(o.ledger, actions=before), now)


def planned(o: Observation, now: datetime = NOW) -> Any:
    """The whole plan. Any, so that tests read on."""
    return plan(o, now)


def concluded(o: Observation, *problems: Problem, before: Iterable[Condition] = (), now: datetime = NOW) -> Any:
    """The status. Any, so that tests read on."""
    return conclude(o, problems, before, now)


def states(ledger: Ledger | None) -> dict[str, str]:
    """Name to state."""
    assert ledger is not None
    return {key.name: key.state.value for key in ledger.keys}


def only(kind: type[T], actions: Iterable[object]) -> list[T]:
    """The actions of one kind."""
    return [action for action in actions if isinstance(action, kind)]
