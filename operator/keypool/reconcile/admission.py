"""Before a plan is carried out: may its calls be made now? What has to wait for the account's request budget is put
off before anything is written down or a place is taken, and the pool is woken when its turn comes."""

from collections import Counter
from datetime import timedelta

from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.core.ledger import KeyRecord, Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.reasons import Reason, Trouble
from keypool.core.rotation import Why, is_compromised
from keypool.core.turns import Rank
from keypool.reconcile.budgets import Wanted
from keypool.reconcile.context import Pass

ASK_AGAIN = timedelta(minutes=1)
"""A pool is woken when its turn comes; this is for what may go wrong with that. Its place in the line stays."""
LONG = 30.0
"""Seconds of waiting that are nothing to speak of."""
WAITING = (
    "calls wait for the request budget of the provider's account; see the KeyProvider's conditions and "
    "spec.requestBudget"
)
_RANKS: dict[str, Rank] = {Why.COMPROMISED: Rank.URGENT, Why.EXPIRY: Rank.RENEW, Why.REJECTED: Rank.RENEW}


def admit(this: Pass, plan: Plan) -> bool:
    """Whether all calls of the plan may be made now. Else those that may not are put off, and the pass has to plan
    anew without them; the turns that it got it keeps."""
    calls = Counter(wanted for action in plan.actions if (wanted := _wanted(this, plan.ledger, action)) is not None)
    creates, postponed = 0, False
    for wanted, number in sorted(calls.items(), key=lambda item: item[0].rank):
        granted = may_call(this, wanted, number)
        postponed = postponed or granted < number
        creates += granted if wanted.activity == "create" else 0
    if postponed and creates:
        this.memory.wait_until.pop("create", None)
        this.memory.creates = creates
    return not postponed


def may_call(this: Pass, wanted: Wanted, number: int = 1) -> int:
    """How many of so many calls may be made now; where it is not all, the activity is put off."""
    pool, now = this.handle.ledger.pool_uid, this.world.now()
    granted, since = this.world.budgets.ask(pool, wanted, number)
    if granted < number:
        is_long = now.timestamp() - since >= LONG
        trouble = Trouble(Reason.WAITS_FOR_BUDGET, WAITING, needs_person=False) if is_long else None
        this.memory.put_off(wanted.activity, now + ASK_AGAIN, trouble)
    return granted


def activity_of(action: act.Action) -> str | None:
    """The activity under which an action's calls to the provider are made; None for those that make none."""
    kind = _OF_A_KEY.get(type(action))
    return _OF_A_POOL.get(type(action)) if kind is None else f"{kind}:{getattr(action, 'name', '')}"


_OF_A_KEY: dict[type[act.Action], str] = {
    act.ProbeKey: "probe",
    act.ReadUsage: "usage",
    act.RepeatCreate: "repeat",
    act.UpdateKey: "update",
    act.DisableKey: "disable",
    act.EnableKey: "enable",
    act.RevokeKey: "revoke",
}
_OF_A_POOL: dict[type[act.Action], str] = {act.CreateKey: "create", act.LookUp: "lookup", act.FindGone: "gone"}


def _wanted(this: Pass, ledger: Ledger, action: act.Action) -> Wanted | None:
    if (activity := activity_of(action)) is None:
        return None
    provider = this.observation.provider
    uid = provider.uid if provider is not None else ""
    match action:
        case act.CreateKey(name) | act.ProbeKey(name):
            return Wanted(uid, activity, _rank(ledger.key(name)))
        case act.RevokeKey(name) | act.DisableKey(name):
            key = ledger.key(name)
            urgent = key is not None and is_compromised(key)
            return Wanted(key.provider if key else uid, activity, Rank.URGENT if urgent else Rank.PROBE, 2)
        case act.ReadUsage() | act.FindGone():
            return Wanted(uid, activity, Rank.SWEEP)
        case _:
            return Wanted(uid, activity, Rank.PROBE)


def _rank(key: KeyRecord | None) -> Rank:
    """A new key is proven with the rank that it was made with, at least as a probe."""
    if key is None or key.state not in (KeyState.INTENDED, KeyState.CREATED):
        return Rank.PROBE
    least = Rank.CREATE if key.state is KeyState.INTENDED else Rank.PROBE
    return _RANKS.get(key.why, least)
