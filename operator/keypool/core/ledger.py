"""The ledger: the operator's durable record of one pool's keys, as an immutable value.

Nothing here reads or writes; `cluster.ledgers` stores it. All times are aware datetimes in UTC.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from keypool.api.pool import ApiKeyPoolSpec
from keypool.core.fingerprint import fingerprint
from keypool.core.lifecycle import Evidence, KeyState, next_state
from keypool.core.limits import Limits, SpendLimit
from keypool.core.relay import Relay, shared

SCHEMA_VERSION = 3
"""2 added spending, limits, chosen values and disabled keys to 1; 3 what workloads are told of the provider. Older ones
are read: what they lack has defaults."""


class LedgerUnreadable(Exception):
    """The stored ledger is damaged or newer than this operator; nothing may be done for its pool."""


_NOT_KEPT = set[str]()


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    def model_post_init(self, _: object, /) -> None:
        """Which fields were given, nobody asks: of each ledger that was read, the sets would take 3 KB."""
        object.__setattr__(self, "__pydantic_fields_set__", _NOT_KEPT)


class KeyRecord(_Frozen):
    """One key, from the intent to create it until it is proven gone.

    `share` is the part of the rotation interval that this key serves (below 1 to stagger the slots); `unpublished_at`
    is since when it has been seen out of the Secret; `asked` is a request to replace it ("Requested", "Compromised"),
    `reported_at` since when it is reported compromised, and `at_once`: it is to be revoked without a successor.
    `disabled_at`: since when the provider rejects a disabled key; `enabling`: it is to be enabled again. In US dollars:
    `spent_before` the spending limit's current period began, and what others in the slot had spent in the period
    `carried_in` when this key was made (see `core.spending`). `label` is the entry of people's Secret that
    a key comes from which they made. `replaces`: the key whose place it takes, "" for none; only until the Secret was
    seen with it. `granted`: when it expires, where the provider set this otherwise than it was asked to. `identity`: a
    digest of whom it was made for upstream, None for the account itself. `begun_at`: when a call was intended
    whose answer was lost; `intended_at` is then the loss.
    """

    name: str
    slot: int
    state: KeyState
    provider: str
    template: str
    why: str
    epoch: str
    share: float
    intended_at: AwareDatetime
    expires_at: AwareDatetime
    handle: str | None = None
    value: SecretStr | None = None
    created_at: AwareDatetime | None = None
    published_at: AwareDatetime | None = None
    unpublished_at: AwareDatetime | None = None
    disabled_at: AwareDatetime | None = None
    enabling: bool = False
    asked: str | None = None
    reported_at: AwareDatetime | None = None
    at_once: bool = False
    requests_per_minute: int | None = None
    spend_limit: SpendLimit | None = None
    models: tuple[str, ...] = ()
    spent_before: Decimal = Decimal(0)
    carried: Decimal = Decimal(0)
    carried_in: AwareDatetime | None = None
    label: str | None = None
    replaces: str | None = None
    granted: AwareDatetime | None = None
    identity: str | None = None
    begun_at: AwareDatetime | None = None

    @property
    def limits(self) -> Limits:
        """What the provider enforces for it, as it was last told."""
        return Limits(self.requests_per_minute, self.spend_limit, self.models)

    @property
    def print(self) -> str | None:
        """The fingerprint of the value, None while there is no value."""
        return fingerprint(self.value) if self.value is not None else None


def limit_facts(limits: Limits) -> dict[str, Any]:
    """The facts of a record whose key has these limits."""
    facts = {"requests_per_minute": limits.requests_per_minute, "spend_limit": limits.spend}
    return {**facts, "models": limits.models}


@dataclass(frozen=True, slots=True)
class Step:
    """One move along the table: `key` as it is afterwards (as it was, when it leaves the ledger)."""

    key: KeyRecord
    before: KeyState | None
    after: KeyState | None
    evidence: Evidence


class Rotation(_Frozen):
    """A key that took another one's place in the Secret: seen there `at`. Both by fingerprint. `until`: how long the
    old one works at least; None where it is dead, or revoked at once, or where only people revoke it."""

    at: AwareDatetime
    slot: int
    why: str
    new: str
    old: str | None = None
    until: AwareDatetime | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A new key that the Secret was seen with. `rotation` is None where its slot had no key before."""

    key: KeyRecord
    rotation: Rotation | None


class Spending(_Frozen):
    """Of keys that are gone: what they spent (US dollars) and how many requests they made, ever; and by slot, what they
    spent in the spending limit's `period`, which began then."""

    period: AwareDatetime | None = None
    departed: dict[int, Decimal] = Field(default_factory=dict)
    spend: Decimal = Decimal(0)
    requests: int = 0


class Adopted(_Frozen):
    """A Secret of somebody else's that the pool writes its keys into: `entries` of it are ours, and nothing else."""

    secret: str
    uid: str
    entries: tuple[str, ...] = ()


class Ledger(_Frozen):
    """All that is durable about a pool. `seals` show that Secrets were written from it, see `core.seal`: the first one
    signs. `revision` grows by one with each write; `publication` is the revision at
    which the published content last changed. `limits_per`: whether the limits count per
    "key" or per "account". `limits_changed`: in place, or what is told of the provider was, and the Secrets were not
    seen with it yet. `steps` are the moves since the last write, `shown` the new keys that were seen published;
    both are not stored."""

    schema_version: int = SCHEMA_VERSION
    revision: int = 0
    publication: int = 0
    pool_uid: str
    namespace: str
    pool: str
    seals: tuple[str, ...] = Field(default=(), repr=False)
    keys: tuple[KeyRecord, ...] = ()
    base_url: str = ""
    relay: Relay | None = Field(default=None, description="Of the primary's provider; None before it was known.")
    limits_per: str = "key"
    limits_changed: bool = False
    primary: str | None = None
    satisfied_generation: int | None = None
    handled_rotate: str | None = None
    handled_compromised: str | None = None
    handled_cleared: str | None = None
    handled_abandon: str | None = None
    handled_undo: str | None = None
    handled_revoked: str | None = None
    rejected_in_a_row: int = 0
    spending: Spending = Spending()
    unmatched: tuple[str, ...] = Field(default=(), description="Keys reported compromised that nobody knows.")
    not_undone: tuple[str, ...] = Field(default=(), description="Keys that were wanted back and are not disabled.")
    not_cleared: tuple[str, ...] = Field(default=(), description="Keys to be cleared that are not held.")
    not_abandoned: tuple[str, ...] = Field(default=(), description="Keys to be given up that are not being revoked.")
    not_revoked: tuple[str, ...] = Field(default=(), description="Keys that people revoked and that nobody knows.")
    last_rotation: Rotation | None = None
    steps: tuple[Step, ...] = Field(default=(), exclude=True, repr=False)
    shown: tuple[Shown, ...] = Field(default=(), exclude=True, repr=False)
    adopted: tuple[Adopted, ...] = ()
    retained: bool = Field(default=False, description="A tombstone: the pool was deleted with Retain.")
    end: dict[str, Any] | None = Field(
        default=None, description="Of the spec, what the pool's end needs; None: Revoke."
    )

    @field_validator("relay")
    @classmethod
    def _is_shared(cls, relay: Relay | None) -> Relay | None:
        """Else each ledger would have certificates of its own."""
        return shared(relay) if relay is not None else None

    @field_validator("end")
    @classmethod
    def _is_an_end(cls, end: dict[str, Any] | None) -> dict[str, Any] | None:
        """Else it would be found out when the pool goes."""
        if end is not None:
            ApiKeyPoolSpec.model_validate(end)
        return end

    def key(self, name: str) -> KeyRecord | None:
        """The record of that name, None when there is none."""
        return next((record for record in self.keys if record.name == name), None)

    def adoption(self, secret: str) -> Adopted | None:
        """What is known of a Secret that the pool took over, None for one of its own."""
        return next((each for each in self.adopted if each.secret == secret), None)

    def inside(self, *states: KeyState) -> tuple[KeyRecord, ...]:
        """The records in one of these states, in the ledger's order (oldest first)."""
        return tuple(record for record in self.keys if record.state in states)

    def of_slot(self, slot: int, *states: KeyState) -> tuple[KeyRecord, ...]:
        """The records of one slot in one of these states, oldest first."""
        return tuple(record for record in self.keys if record.slot == slot and record.state in states)

    def intend(self, record: KeyRecord) -> "Ledger":
        """Adds a record for a key that is to be created."""
        assert next_state(None, Evidence.NEEDED) == record.state  # noqa: S101
        step = Step(record, None, record.state, Evidence.NEEDED)
        return self.model_copy(update={"keys": (*self.keys, record), "steps": (*self.steps, step)})

    def advance(self, name: str, evidence: Evidence, **facts: Any) -> "Ledger":  # noqa: ANN401
        """Moves one record along the table and sets `facts` on it. Raises IllegalTransition, KeyError."""
        record = self.key(name)
        if record is None:
            raise KeyError(name)
        state = next_state(record.state, evidence)
        changed = () if state is None else (record.model_copy(update={"state": state, **facts}),)
        step = Step(changed[0] if changed else record, record.state, state, evidence)
        return self._replacing(name, changed).model_copy(update={"steps": (*self.steps, step)})

    def adopt(self, record: KeyRecord, evidence: Evidence = Evidence.ADOPTED) -> "Ledger":
        """Adds a key that this ledger did not make: one that is known to be ours, see `core.recovery`, or one that
        people SUPPLIED."""
        adopted = record.model_copy(update={"state": next_state(None, evidence)})
        step = Step(adopted, None, adopted.state, evidence)
        return self.model_copy(update={"keys": (*self.keys, adopted), "steps": (*self.steps, step)})

    def mark(self, name: str, **facts: Any) -> "Ledger":  # noqa: ANN401
        """Sets facts on one record; its state stays."""
        record = self.key(name)
        return self if record is None else self._replacing(name, (record.model_copy(update=facts),))

    def _replacing(self, name: str, records: Iterable[KeyRecord]) -> "Ledger":
        at = next(index for index, record in enumerate(self.keys) if record.name == name)
        return self.model_copy(update={"keys": (*self.keys[:at], *records, *self.keys[at + 1 :])})


def dump(ledger: Ledger) -> str:
    """The ledger as JSON WITH VALUES: for the ledger's Secret alone."""
    document = ledger.model_dump(mode="json", exclude_none=True)
    for entry, record in zip(document["keys"], ledger.keys, strict=True):
        if record.value is not None:
            entry["value"] = record.value.get_secret_value()
    return json.dumps(document, separators=(",", ":"))


def load(text: str) -> Ledger:
    """Reads what `dump` wrote. Raises LedgerUnreadable, whose message shows nothing of the content."""
    try:
        document = json.loads(text)
        version = document.get("schema_version") if isinstance(document, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise LedgerUnreadable(f"it has schema version {version}; this operator reads up to {SCHEMA_VERSION}")
        older = version in range(1, SCHEMA_VERSION)
        return Ledger.model_validate(document | {"schema_version": SCHEMA_VERSION} if older else document)
    except ValidationError as error:
        fields = sorted({_place(item["loc"], item["type"]) for item in error.errors(include_input=False)})
        raise LedgerUnreadable(f"these fields are damaged: {', '.join(fields)[:200]}") from None
    except (ValueError, RecursionError):
        raise LedgerUnreadable("it is not JSON") from None


def _place(location: tuple[int | str, ...], kind: str) -> str:
    """Where a field is; the name of an unknown one is content, and not shown."""
    shown = (*location[:-1], "(unknown)") if kind == "extra_forbidden" else location
    return ".".join(str(part) for part in shown) or "all"
