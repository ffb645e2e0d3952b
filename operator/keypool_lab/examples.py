"""An example of each situation that a pool, or a provider object, can be in: docs/conditions.md is made from them."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

from pydantic import SecretStr

from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.limits import Usage
from keypool.core.observation import Checked, Observation, PoolFacts, Problem, ProviderFacts, Reading
from keypool.core.projection import LABEL_POOL_UID, Desired, project
from keypool.core.provider_situations import ProviderSight, Standing
from keypool.core.reasons import Reason, Trouble
from keypool.core.rotation import Why
from keypool.core.sight import Sight
from keypool.core.supply import Supply
from keypool.core.views_secret import SecretView

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
VENDOR = ProviderFacts("provider", "vendor", "https://vendor.example/v1", Capabilities(tells_usage=True))
DOWN = Problem(Reason.PROVIDER_NOT_READY, "KeyProvider vendor: it does not answer", stalls=False)
SLOW = Trouble(Reason.PROVIDER_UNAVAILABLE, "the provider does not answer", needs_person=False)
UNWRITTEN = Trouble(Reason.CLUSTER_UNAVAILABLE, "the ledger: update: 503", needs_person=False)
UNFORESEEN = Trouble(Reason.INTERNAL_ERROR, "the look at this pool failed with KeyError", needs_person=False)
REFUSED = Trouble(Reason.KEY_REFUSED, "no such scope", needs_person=True)
RESTORED = Problem(Reason.LEDGER_RESTORED, "every key is probed first", stalls=False)
LOST = Problem(Reason.LEDGER_MISSING, "the ledger is being rebuilt", stalls=False)
UNREADABLE = Problem(Reason.SPEC_INVALID, "spec.size: should be at most 100")
LIMIT = {"spendLimit": {"amount": "10", "period": "Daily"}}


def spec(**fields: object) -> ApiKeyPoolSpec:
    """That of a pool of one key."""
    return ApiKeyPoolSpec.model_validate({"providerRef": {"name": "vendor"}, "size": 1, **fields})


def key(state: KeyState = KeyState.ACTIVE, name: str = "key", **facts: object) -> KeyRecord:
    """A key of slot 0, made an hour ago."""
    known: dict[str, Any] = {
        "created_at": NOW - HOUR,
        "value": SecretStr(f"value of {name}"),
        "template": "",
        "why": "slot empty",
        "handle": name,
        "expires_at": NOW + 24 * HOUR,
        "published_at": NOW - HOUR,
        **facts,
    }
    record = {"name": name, "slot": 0, "state": state, "provider": VENDOR.uid, "epoch": "e", "share": 1.0}
    return KeyRecord.model_validate({**record, "intended_at": NOW - HOUR, **known})


def ledger(*keys: KeyRecord, satisfied: int | None = 1) -> Ledger:
    """All keys that generation 1 asked for were published once."""
    primary = next((each.name for each in keys if each.state is KeyState.ACTIVE), None)
    known = Ledger(pool_uid="pool", namespace="shop", pool="web", keys=keys, primary=primary, revision=1)
    return known.model_copy(update={"satisfied_generation": satisfied, "base_url": VENDOR.base_url})


def view(secret: Desired) -> SecretView:
    """A Secret as it is once it was written."""
    digests = {entry: sha256(text.encode()).hexdigest() for entry, text in secret.data.items()}
    names, owner = (frozenset(secret.labels), frozenset(secret.annotations)), secret.labels[LABEL_POOL_UID]
    texts = (digests, secret.labels, secret.annotations)
    return SecretView("shop", secret.name, "secret", "1", owner, False, "Opaque", False, *texts, *names)


def sight(
    *keys: KeyRecord,
    pool: dict[str, Any] | None = None,
    satisfied: int | None = 1,
    said: tuple[Problem, ...] = (),
    **facts: object,
) -> Sight:
    """What a pass knows at its end. The Secrets are what the ledger says, unless `secrets` are given."""
    facts_of_pool = {"spec": spec(), "generation": 1, "has_finalizer": True, **(pool or {})}
    known, owned = (
        PoolFacts(uid="pool", namespace="shop", name="web", **facts_of_pool),
        ledger(*keys, satisfied=satisfied),
    )
    secrets = {each.name: view(each) for each in project(owned, known.spec)} if known.spec is not None else {}
    given = {"provider": VENDOR, "epoch": "e", "installation": "i", "entropy": "", "started_at": NOW}
    seen: dict[str, Any] = {**given, "secrets": secrets, **facts}
    return Sight(Observation(known, owned, **seen), said, NOW)


def _spending(amount: int) -> Sight:
    reading = {"key": Reading(NOW, Usage(spend=Decimal(amount), requests=1))}
    return sight(key(), pool={"spec": spec(key=LIMIT)}, readings=reading)


def _rejected(times: int) -> dict[str, Checked]:
    return {"key": Checked(NOW, accepted=False, rejections=times)}


BROKEN = {"spec": None, "spec_error": UNREADABLE.message}
SUSPENDED = {"spec": spec(suspend=True)}
DEAD = key(KeyState.WITHDRAWN)
OLD = key(KeyState.DRAINING, "old", unpublished_at=NOW - 9 * HOUR)
MADE = key(why=Why.SUPPLIED.value, label="a", created_at=NOW - 9999 * HOUR)
PEOPLE = {"spec": spec(keysFrom={"secretRef": {"name": "mine"}})}
OF_PEOPLE = replace(VENDOR, capabilities=Capabilities(creates_keys=False, lists_keys=False, deletes_keys=False))

LEAKED: dict[str, Any] = {"asked": Why.COMPROMISED.value, "reported_at": NOW - HOUR}

EXAMPLES: dict[str, Callable[[], Sight]] = {
    "A reported leak is not contained": lambda: sight(
        key(**LEAKED), secrets=sight(key()).o.secrets, troubles={"publish": SLOW}
    ),
    "A reported leak is not contained yet": lambda: sight(key(), key(KeyState.REVOKING, "old", **LEAKED)),
    "A person is needed": lambda: sight(key(), troubles={"create": REFUSED}),
    "A pass failed in a way that nobody foresaw": lambda: sight(key(), troubles={"pass": UNFORESEEN}),
    "A part of a pass failed in a way that nobody foresaw": lambda: sight(key(), troubles={"usage:key": UNFORESEEN}),
    "The pool is being deleted": lambda: sight(key(KeyState.REVOKING), pool={"deleted_at": NOW}, secrets={}),
    "The ledger is gone or not to be believed, and a Secret stands": lambda: sight(
        satisfied=None, recovery=LOST, secrets=sight(key()).o.secrets
    ),
    "The ledger is gone or not to be believed": lambda: sight(satisfied=None, recovery=LOST),
    "The spec cannot be read any more": lambda: sight(key(), pool=BROKEN, said=(UNREADABLE,)),
    "The spec cannot be read": lambda: sight(satisfied=None, pool=BROKEN, said=(UNREADABLE,)),
    "A restored ledger is being checked": lambda: sight(key(), recovery=RESTORED),
    "A Secret is not what it must be": lambda: sight(key(), secrets={}),
    "The cluster does not take what has to be written": lambda: sight(key(), troubles={"cluster": UNWRITTEN}),
    "The provider rejects most keys of the account": lambda: sight(key(), grip=Grip.ENGAGED, checks=_rejected(3)),
    "A live key is published": lambda: sight(key()),
    "The published key was rejected, and is asked about again": lambda: sight(key(), checks=_rejected(1)),
    "Keys are there, and none is in the Secret": lambda: sight(key(), secrets={}, troubles={"publish": SLOW}),
    "No published key is live, and the pool is suspended": lambda: sight(DEAD, pool=SUSPENDED),
    "No published key is live": lambda: sight(DEAD),
    "A person is needed before there are keys": lambda: sight(satisfied=None, troubles={"create": REFUSED}),
    "Suspended before there are keys": lambda: sight(satisfied=None, pool=SUSPENDED),
    "Keys are made for the first time": lambda: sight(satisfied=None),
    "Suspended": lambda: sight(key(), pool=SUSPENDED),
    "The spec changed": lambda: sight(key(), pool={"generation": 2}),
    "New keys are asked for too fast": lambda: sight(
        key(asked=Why.REQUESTED.value, why=Why.REQUESTED.value, created_at=NOW)
    ),
    "No key is ready for the Secret": lambda: sight(satisfied=None, provider_problem=DOWN),
    "The Secrets are what they must be": lambda: sight(key()),
    "The provider rejects most keys of the account, or of a part of it": lambda: sight(
        key(), grip=Grip.ENGAGED, satisfied=None
    ),
    "A key is rejected": lambda: sight(key(), key(KeyState.WITHDRAWN, "other")),
    "A value that people withdrew stays published": lambda: sight(
        MADE, pool=PEOPLE, provider=OF_PEOPLE, supply=Supply("mine", {})
    ),
    "No key can be made": lambda: sight(key(), troubles={"create": SLOW}),
    "A slot is empty": lambda: sight(key(), pool={"spec": spec(size=2)}),
    "There is no verdict on a key": lambda: sight(key(), troubles={"probe:key": replace(SLOW, attempts=3)}),
    "A key that people made gets old": lambda: sight(MADE, pool=PEOPLE, provider=OF_PEOPLE),
    "The answer to a create call was lost": lambda: sight(key(), key(KeyState.HELD, "lost")),
    "People have to revoke a key": lambda: sight(key(), key(KeyState.OWED, "old", why=Why.SUPPLIED.value)),
    "The provider refuses to revoke a key": lambda: sight(key(), key(KeyState.OWED, "old")),
    "A revocation takes longer than planned": lambda: sight(
        key(), key(KeyState.REVOKING, "old"), troubles={"revoke:old": SLOW}
    ),
    "A revocation waits for the clock": lambda: sight(key(), OLD, clocks_agree=False),
    "Keys are being revoked, as planned": lambda: sight(key(), key(KeyState.REVOKING, "old")),
    "Much of the spending limit is used up": lambda: _spending(9),
    "Little of the spending limit is used up": lambda: _spending(1),
    "Nothing else": lambda: sight(key()),
}
"""By the name of each situation in `core.situations`: a sight in which it holds."""

OF_PROVIDERS: dict[str, ProviderSight] = {
    "A person is needed": ProviderSight(Standing(Problem(Reason.CREDENTIAL_REJECTED, "the provider answers 401"))),
    "What the object says is not used yet": ProviderSight(Standing(pending=DOWN), known=VENDOR.capabilities),
    "Nobody asked it yet since the operator started": ProviderSight(Standing(DOWN, unasked=True)),
    "It cannot be used": ProviderSight(Standing(DOWN)),
    "It rejects most keys of the account": ProviderSight(Standing(), Grip.ENGAGED, known=VENDOR.capabilities),
    "The schedule exceeds the budget": ProviderSight(
        Standing(), schedule=Problem(Reason.SCHEDULE_EXCEEDS_BUDGET, "raise spec.requestBudget.perMinute")
    ),
    "There is no credential to check": ProviderSight(Standing(), known=OF_PEOPLE.capabilities),
    "Nothing else": ProviderSight(Standing(), known=VENDOR.capabilities),
}
"""The same for `core.provider_situations`."""
