"""All that one pass knows, gathered once. Frozen: a saved Observation replays a decision as a test."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.provider_options import Dialect
from keypool.core.brake import Grip
from keypool.core.capabilities import Capabilities
from keypool.core.effective import Effective, effective
from keypool.core.ledger import Ledger
from keypool.core.limits import NO_IDENTITY, Identity, Usage
from keypool.core.pace import FLOOR, LastKeys
from keypool.core.reasons import Reason, Trouble
from keypool.core.supply import Supply
from keypool.core.views_secret import SecretView


@dataclass(frozen=True, slots=True)
class PoolFacts:
    """The pool as the API server has it. What people ask for by annotation may be anything, also a key that they
    pasted: it is read by `core.asked` alone. `spec` is None where it cannot be read (`spec_error` says why). `strays`:
    annotations below keypool.dev/ that do nothing."""

    uid: str
    namespace: str
    name: str
    generation: int
    has_finalizer: bool
    created_at: datetime | None = None
    deleted_at: datetime | None = None
    rotate: str | None = field(default=None, repr=False)
    compromised: str | None = field(default=None, repr=False)
    cleared: str | None = field(default=None, repr=False)
    abandon: str | None = field(default=None, repr=False)
    undo: str | None = field(default=None, repr=False)
    revoked: str | None = field(default=None, repr=False)
    spec: ApiKeyPoolSpec | None = None
    spec_error: str = ""
    strays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """The provider object that the pool names, as far as creating keys is concerned. keypool calls its `endpoints`;
    `base_url` is the preferred one as workloads use it, `base_urls` are all, and `url_in_use` is the first that works,
    None before one answered. `kind`: as manifests write it; `preset`: which one of that; `dialects`: as the spec has
    them; `ca`: authorities of its own, in PEM. `exclusive`: nothing but this installation makes keys in its account.
    `confirmed`: when a person said that it is another account from then on. `notice`: what people should know about the
    account although its keys are accepted."""

    uid: str
    name: str
    base_url: str
    capabilities: Capabilities
    kind: str = "holySheep"
    exclusive: bool = False
    confirmed: datetime | None = None
    base_urls: tuple[str, ...] = ()
    preset: str = ""
    dialects: tuple[Dialect, ...] = ()
    ca: str = field(default="", repr=False)
    endpoints: tuple[str, ...] = ()
    url_in_use: str | None = None
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something cannot be done now. `stalls` when only a person can mend it; `not_there_yet` when it is merely
    the lack of something that may come by itself (see `core.grace`)."""

    reason: Reason
    message: str
    stalls: bool = True
    not_there_yet: bool = False


@dataclass(frozen=True, slots=True)
class Checked:
    """The latest definite answer of a probe, kept in memory: `rejections` counts those in a row, of which `first` was
    the first; `asked`: when the question was put, None where that is not known."""

    at: datetime
    accepted: bool
    rejections: int = 0
    first: datetime | None = None
    asked: datetime | None = None

    @property
    def begun(self) -> datetime:
        """What happened before this had no part in the answer."""
        return self.asked or self.at


@dataclass(frozen=True, slots=True)
class Reading:
    """What a key was used for, as the provider told at that time; kept in memory."""

    at: datetime
    usage: Usage


def heard_since(checks: Mapping[str, Checked], released: datetime | None) -> dict[str, Checked]:
    """The probes' answers as they count: what was rejected while the brake held (until `released`) has to be rejected
    once more first. Else the first good probe would have all other keys replaced."""
    if released is None:
        return dict(checks)
    return {key: _since(check, released) for key, check in checks.items()}


def _since(check: Checked, released: datetime) -> Checked:
    if check.accepted or check.first is None or check.first > released:
        return check if check.accepted or check.at > released else replace(check, rejections=0)
    return replace(check, first=check.at) if check.at > released else replace(check, rejections=0, first=None)


@dataclass(frozen=True)
class Observation:
    """One pass's input. `epoch` names the leadership; `entropy` is random and fresh; `sent` are create calls that
    this leadership made; `refused`: why the provider's tenancy, or the owner of its credential, lets the pool have no
    new key, else `identity` says whom
    keys are made for; `crd_going`: the kind itself is being deleted, so nothing is revoked; `clocks_agree`: see
    `trust.time_is_trusted`; `grip` is that of the provider's brake; `recovery` says why a lost or restored ledger is
    not whole yet; `adoptable` are Secrets of others that may be taken
    over; `supply` is what people's Secret holds, for a pool that has its keys from there; `abandon` is a
    request on the pool or, once it is gone, its ledger; `troubles` and `wait_until` are keyed by activity ("create",
    "publish", "lookup", "gone", and "probe:<key>", likewise usage, repeat, update, disable, enable and revoke);
    `reported`: published keys that pods report as rejected, and since when that counts (see `core.holders`); `lost`:
    keys that were rejected, and that the provider did not list as active then;
    `creates`: the create calls that the account's request budget grants, None for any; `last_keys`, by slot, and
    `room`, in the namespace (None for any), say how fast people may have new keys made; `answered`: when a listing or a
    probe of the provider last succeeded, as far as this leadership knows."""

    pool: PoolFacts | None
    ledger: Ledger
    provider: ProviderFacts | None
    epoch: str
    installation: str
    entropy: str
    started_at: datetime
    provider_problem: Problem | None = None
    refused: Problem | None = None
    identity: Identity = NO_IDENTITY
    grip: Grip = Grip.FREE
    crd_going: bool = False
    clocks_agree: bool = True
    secret_problem: Problem | None = None
    recovery: Problem | None = None
    abandon: str | None = None
    supply: Supply | None = None
    contested: Problem | None = None
    secrets: Mapping[str, SecretView] = field(default_factory=dict)
    adoptable: Mapping[str, SecretView] = field(default_factory=dict)
    checks: Mapping[str, Checked] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    reported: Mapping[str, datetime] = field(default_factory=dict)
    lost: frozenset[str] = frozenset()
    sent: frozenset[str] = frozenset()
    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    wait_until: Mapping[str, datetime] = field(default_factory=dict)
    creates: int | None = None
    last_keys: Mapping[int, LastKeys] = field(default_factory=dict)
    floor: timedelta = FLOOR
    room: int | None = None
    answered: datetime | None = None

    @property
    def known_pool(self) -> PoolFacts:
        """The pool, for rules that run only while there is one."""
        assert self.pool is not None  # noqa: S101
        return self.pool

    @property
    def spec(self) -> ApiKeyPoolSpec:
        """The pool's spec, for rules that run only while it could be read."""
        assert self.known_pool.spec is not None  # noqa: S101
        return self.known_pool.spec

    @cached_property
    def usage(self) -> Mapping[str, Usage]:
        """The latest readings by key."""
        return {name: reading.usage for name, reading in self.readings.items()}

    @cached_property
    def effective(self) -> Effective:
        """The pool's spec with defaults. Only for a pool whose spec could be read."""
        return effective(self.spec, self.provider.capabilities if self.provider else None)

    @cached_property
    def template(self) -> str:
        """The template that a key must have to be current; a pool without provider, or refused, keeps what it has."""
        if self.provider is not None and self.refused is None:
            in_place = self.provider.capabilities.changes_limits
            return self.effective.template(self.provider.uid, self.identity, changes_limits=in_place)
        live = [record.template for record in self.ledger.keys]
        return live[-1] if live else ""

    def pause(self, activity: str, now: datetime) -> datetime | None:
        """When the back-off of an activity ends; None when none runs."""
        until = self.wait_until.get(activity)
        return until if until is not None and until > now else None

    def may(self, activity: str, now: datetime) -> bool:
        """False while the back-off of an activity runs."""
        return self.pause(activity, now) is None
