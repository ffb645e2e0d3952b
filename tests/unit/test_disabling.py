"""Disabling and enabling keys: what each answer of the provider leads to, and how long it may take."""

from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pydantic import SecretStr

from keypool.core import actions as act
from keypool.core.capabilities import Capabilities
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason
from keypool.providers.errors import Ambiguous, CredentialRejected, ProviderError, Rejected, Throttled
from keypool.providers.fake import FakeKey, FakeProvider
from keypool.providers.protocol import Probe
from keypool.providers.transport import Deadlines
from keypool.reconcile import disabling, revocation
from keypool.reconcile.context import Pass
from keypool.reconcile.memory import Memory
from keypool.serve.metrics import Metrics
from tests.unit.core.builders import ABLE, HOUR, MINUTE, NOW, SECOND, a_key, a_ledger, concluded, seen
from tests.unit.test_late_create import Stored, enough

LAG = MINUTE


class Stubborn(FakeProvider):
    """Accepts every value, until told otherwise."""

    stubborn = True

    async def probe(self, value: SecretStr) -> Probe:
        """Yes, while it is stubborn."""
        answer = await super().probe(value)
        return Probe.ACCEPTED if self.stubborn else answer


@dataclass
class Case:
    """A pool with active keys and an old one, `old`, that the provider knows unless its `keys` are emptied.
    `confirmed`: when a person said that the provider's account is another one."""

    state: KeyState
    provider: FakeProvider = field(default_factory=lambda: FakeProvider(now=NOW))
    facts: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW
    memory: Memory = field(default_factory=Memory)
    confirmed: datetime | None = None

    def __post_init__(self) -> None:
        old = a_key(0, self.state, name="old", **self.facts)
        self.ledger = Stored(a_ledger(a_key(0), a_key(1), old))
        self.provider.keys[old.handle] = FakeKey(old.handle, "old", old.value, active=not old.enabling)

    @property
    def old(self) -> Any:
        """The record of the old key, None when it is forgotten."""
        return self.ledger.ledger.key("old")

    def this(self) -> Pass:
        """One pass."""
        live: Any = {"metadata": {"uid": "pool-1"}, "spec": {}}

        async def get(_: str) -> Any:
            return live

        async def recall(_: str) -> Any:
            return SimpleNamespace(provider=self.provider, trusted=True)

        world: Any = SimpleNamespace(
            client=SimpleNamespace(get=get),
            cache=SimpleNamespace(upsert=lambda *_: None, provider_by_uid=lambda _: {}),
            accounts=SimpleNamespace(confirmed_since=lambda _: self.confirmed),
            directory=SimpleNamespace(
                recall=recall, get=lambda _: None, set_problem=lambda *_: None, unanswered=lambda _: False
            ),
            leadership=SimpleNamespace(enough=lambda seconds: enough(60, seconds)),
            deadlines=Deadlines(),
            metrics=Metrics(),
            now=lambda: self.now,
            random=lambda: 0.5,
            tell_failure=lambda *_: None,
            touch_provider=lambda _: None,
        )
        return Pass(world, seen(ledger=self.ledger.ledger, provider=ABLE), cast("Any", self.ledger), self.memory)

    async def disable(self) -> bool:
        """Disables the old key."""
        return await disabling.disable(self.this(), act.DisableKey("old"))

    async def enable(self) -> bool:
        """Enables the old key."""
        return await disabling.enable(self.this(), act.EnableKey("old"))

    def revoked(self) -> Any:
        """What the condition Revoked says."""
        o = seen(ledger=self.ledger.ledger, provider=ABLE, troubles=dict(self.memory.troubles))
        return next((c.status, c.reason) for c in concluded(o, now=self.now).conditions if c.type == "Revoked")


DISABLED: dict[str, Any] = {"state": KeyState.DISABLED, "facts": {"disabled_at": None}}
WANTED: dict[str, Any] = {"state": KeyState.DRAINING, "facts": {"enabling": True, "unpublished_at": NOW - HOUR}}


async def test_a_disabled_key_is_proven_rejected_and_stays_at_the_provider() -> None:
    case = Case(**DISABLED)
    assert await case.disable()
    assert (case.old.state, case.old.disabled_at) == (KeyState.DISABLED, NOW)
    assert [key.active for key in case.provider.keys.values()] == [False]


@pytest.mark.row("DISABLED", "DISABLE_REFUSED")
async def test_a_key_that_the_provider_refuses_to_disable_is_revoked() -> None:
    case = Case(**DISABLED)
    case.provider.fail("disable", Rejected("not this one"))
    assert await case.disable()
    assert case.old.state is KeyState.REVOKING


@pytest.mark.row("DISABLED", "GONE_UPSTREAM")
async def test_a_key_that_is_not_there_to_disable_and_is_rejected_is_forgotten() -> None:
    case = Case(**DISABLED)
    case.provider.keys.clear()
    assert await case.disable()
    assert case.old is None


class Housed(FakeProvider):
    """Makes a user for each key, which stays when somebody else deletes the key."""

    def __init__(self, *errors: ProviderError) -> None:
        super().__init__(now=NOW)
        self.errors, self.users = list(errors), {"h-old", "h-another"}

    async def forget(self, handle: str, /) -> None:
        """The user goes."""
        if self.errors:
            raise self.errors.pop()
        self.users.discard(handle)


@pytest.mark.parametrize(("facts", "switch"), [(DISABLED, Case.disable), (WANTED, Case.enable)])
async def test_what_the_provider_made_for_a_key_goes_when_the_key_is_gone(facts: Any, switch: Any) -> None:
    provider = Housed()
    case = Case(**facts, provider=provider)
    provider.keys.clear()
    assert await switch(case)
    assert (case.old, provider.users) == (None, {"h-another"})


@pytest.mark.parametrize(("facts", "switch"), [(DISABLED, Case.disable), (WANTED, Case.enable)])
async def test_a_key_is_not_forgotten_before_what_was_made_for_it_is_gone_unless_that_is_refused(
    facts: Any, switch: Any
) -> None:
    provider = Housed(Ambiguous("lost"))
    case = Case(**facts, provider=provider)
    provider.keys.clear()
    assert not await switch(case)
    assert case.old is not None
    assert case.memory.next_try(NOW) is not None
    provider.errors = [Rejected("never")]
    assert await switch(case)
    assert case.old is None


async def test_not_found_forgets_no_key_that_is_still_accepted() -> None:
    case = Case(**DISABLED, provider=Stubborn(now=NOW))
    case.provider.keys.clear()
    assert not await case.disable()
    assert (case.old.state, case.old.disabled_at) == (KeyState.DISABLED, None)


@pytest.mark.parametrize("call", ["disable", "probe"])
@pytest.mark.parametrize("error", [Ambiguous("lost"), Throttled("slower"), CredentialRejected("who?")])
async def test_no_usable_answer_changes_nothing_but_the_pause(error: Any, call: Any) -> None:
    case = Case(**DISABLED)
    case.provider.fail(call, error)
    assert not await case.disable()
    assert (case.old.state, case.old.disabled_at) == (KeyState.DISABLED, None)
    assert case.memory.next_try(NOW) is not None


async def test_a_key_that_is_enabled_again_drains_from_now_on() -> None:
    case = Case(**WANTED)
    assert await case.enable()
    assert (case.old.state, case.old.enabling, case.old.unpublished_at) == (KeyState.DRAINING, False, NOW)
    assert [key.active for key in case.provider.keys.values()] == [True]


@pytest.mark.row("DRAINING", "GONE_UPSTREAM")
async def test_a_key_that_is_not_there_to_enable_and_is_rejected_is_forgotten() -> None:
    case = Case(**WANTED)
    case.provider.keys.clear()
    await case.enable()
    assert case.old is None


async def test_a_refusal_to_enable_asks_for_a_person() -> None:
    case = Case(**WANTED)
    case.provider.fail("enable", Rejected("no"))
    assert not await case.enable()
    assert case.old.enabling
    assert case.memory.troubles["enable:old"].needs_person


async def revoke(case: Case) -> bool:
    """Deletes the old key."""
    return await revocation.revoke(case.this(), act.RevokeKey("old"))


@pytest.mark.parametrize(("state", "end"), [(KeyState.DISABLED, Case.disable), (KeyState.REVOKING, revoke)])
async def test_a_key_that_is_accepted_within_the_providers_lag_raises_no_alarm_until_it_is_over(
    state: Any, end: Any
) -> None:
    provider = Stubborn(capabilities=Capabilities(disables_keys=True, revocation_lag=LAG), now=NOW)
    case = Case(state=state, provider=provider, facts={"disabled_at": None})
    for _ in range(4):
        assert not await end(case)
        assert case.revoked()[0] == "True"
        assert not case.memory.troubles
        case.now = case.memory.next_try(case.now) or case.now
    assert case.now == NOW + LAG
    assert not await end(case)
    assert case.revoked() == ("False", "RevocationPending")
    assert "still accepts" in next(iter(case.memory.troubles.values())).message

    provider.stubborn, case.now = False, case.now + SECOND
    assert await end(case)
    assert case.revoked()[0] == "True"


async def test_a_revocation_under_way_is_told_as_planned() -> None:
    provider = Stubborn(capabilities=Capabilities(revocation_lag=LAG), now=NOW)
    case = Case(state=KeyState.REVOKING, provider=provider)
    await revoke(case)
    assert case.revoked() == ("True", Reason.REVOKING.value)


MOVED = NOW - MINUTE
"""When the account was confirmed as another one: `old` was made before."""


def elsewhere(state: KeyState, **facts: Any) -> Case:
    """The old key is in an account that was given up, disabled there: it is rejected, and not found in the new one."""
    case = Case(state, facts=facts, confirmed=MOVED)
    case.provider.keys.clear()
    return case


async def test_a_disabled_key_that_another_account_does_not_find_is_not_forgotten() -> None:
    case = elsewhere(KeyState.REVOKING, disabled_at=NOW - HOUR)
    assert not await revoke(case)
    assert case.old.state is KeyState.REVOKING
    assert case.revoked() == ("False", "RevocationPending")
    assert "keypool.dev/abandon" in case.memory.troubles["revoke:old"].message


async def test_a_disabled_key_that_another_account_does_not_find_is_forgotten_when_its_life_is_over() -> None:
    case = elsewhere(KeyState.REVOKING, disabled_at=NOW - HOUR, expires_at=NOW)
    assert await revoke(case)
    assert case.old is None


async def test_a_disabled_key_that_was_made_after_the_account_was_confirmed_is_forgotten_when_it_is_not_found() -> None:
    case = elsewhere(KeyState.REVOKING, disabled_at=NOW, created_at=MOVED + SECOND)
    assert await revoke(case)
    assert case.old is None


async def test_a_key_of_a_former_account_that_was_never_disabled_is_forgotten_when_it_is_rejected() -> None:
    case = elsewhere(KeyState.REVOKING)
    assert await revoke(case)
    assert case.old is None


async def test_a_key_that_another_account_does_not_find_to_disable_stays_for_its_quiet_period() -> None:
    case = elsewhere(KeyState.DISABLED, disabled_at=None)
    assert await case.disable()
    assert (case.old.state, case.old.disabled_at) == (KeyState.DISABLED, NOW)


async def test_a_disabled_key_that_another_account_does_not_find_to_enable_is_not_forgotten() -> None:
    case = elsewhere(KeyState.DRAINING, enabling=True)
    await case.enable()
    assert (case.old.state, case.old.enabling, case.old.unpublished_at) == (KeyState.DRAINING, False, NOW)
