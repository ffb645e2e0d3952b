"""Third step of a pass: carry out a plan. The ledger is durable before any effect, and after each outcome."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from keypool.cluster.errors import Conflict, Forbidden, KubeError, told_of
from keypool.cluster.lease import LeadershipLost
from keypool.cluster.publisher import SecretRefused
from keypool.core import actions as act
from keypool.core.decision import Plan
from keypool.core.reasons import Reason
from keypool.errand import changing_something
from keypool.providers.boundary import through
from keypool.reconcile import changing, disabling, keys, lookup, objects, repeating, revocation, usage
from keypool.reconcile.admission import activity_of
from keypool.reconcile.chosen import with_chosen_values
from keypool.reconcile.context import Pass
from keypool.reconcile.holding import put_back
from keypool.reconcile.memory import FIRST_PAUSE
from keypool.reconcile.unforeseen import of_action

_log = logging.getLogger(__name__)

PHASES: tuple[type[act.Action] | tuple[type[act.Action], ...], ...] = (
    act.RestoreFinalizer,
    act.AddFinalizer,
    act.KeepCredential,
    act.PublishSecrets,
    act.ReleaseSecrets,
    act.Retain,
    act.RemoveSecrets,
    act.LookUp,
    (act.CreateKey, act.ProbeKey),
    act.RepeatCreate,
    act.EnableKey,
    act.UpdateKey,
    (act.DisableKey, act.RevokeKey, act.ReadUsage),
    act.FindGone,
    act.RemoveFinalizer,
    act.DropLedger,
)
"""In this order; actions of one phase run side by side. A phase that fails ends the pass: so probes go with creates, as
a provider that refuses every create would else never be asked about keys that are there. Revoking goes with what may
hang or fail beside it: a leaked key waits for no answer about another one."""


async def perform(this: Pass, plan: Plan) -> bool:
    """False when something failed: that is a trouble in memory, with a pause. Raises KubeError when the ledger cannot
    be written."""
    _check_that_we_lead(this)
    with told_of("the pool's ledger"):
        await this.handle.update(lambda _: with_chosen_values(this.observation.provider, plan.ledger))
    for phase in PHASES:
        group = [action for action in plan.actions if isinstance(action, phase)]
        if group and not await _carry_out(this, group):
            return False
    return True


def _check_that_we_lead(this: Pass) -> None:
    if this.world.leadership.remaining() <= 0:
        raise LeadershipLost("the Lease ran out")


async def _carry_out(this: Pass, group: list[act.Action]) -> bool:
    _check_that_we_lead(this)
    results = await asyncio.gather(*(_one(this, action) for action in group), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return all(results)


async def _one(this: Pass, action: act.Action) -> bool:
    at_provider = _AT_PROVIDER.get(type(action))
    if isinstance(action, act.RestoreFinalizer):
        await put_back(this.world, this.subject, this.memory)
        return True
    if at_provider is None:
        return await _guarded(this, action)
    activity = activity_of(action) or ""
    lasting = contextlib.nullcontext() if isinstance(action, _READS) else changing_something()
    with this.world.budgets.using(this.handle.ledger.pool_uid, activity), lasting:
        return await _contained(this, activity, at_provider(this, action))


async def _contained(this: Pass, activity: str, work: Awaitable[bool]) -> bool:
    """What fails for one key in a way that nobody foresaw leaves all others as they are, and is a trouble with a pause.
    What is done in the cluster is not contained: that a pass failed there has to stand in the conditions."""
    try:
        return await work
    except KubeError:
        raise
    except BaseException as error:  # noqa: BLE001
        if (own := through(error)) is not None:
            raise own from None
        told = of_action(activity, error)
    this.memory.failed(activity, Reason.INTERNAL_ERROR, told, this.world.now(), this.world.random())
    return False


_AT_PROVIDER: dict[type[act.Action], Callable[[Pass, Any], Awaitable[bool]]] = {
    act.CreateKey: keys.create,
    act.RepeatCreate: repeating.repeat,
    act.UpdateKey: changing.update,
    act.EnableKey: disabling.enable,
    act.DisableKey: disabling.disable,
    act.ProbeKey: keys.probe,
    act.ReadUsage: usage.read,
    act.RevokeKey: revocation.revoke,
    act.LookUp: lookup.look_up,
    act.FindGone: lookup.find_gone,
}

_READS = (act.ProbeKey, act.ReadUsage, act.LookUp, act.FindGone)

_OBJECTS: dict[type[act.Action], Callable[[Pass, act.Action], Awaitable[None]]] = {
    act.AddFinalizer: objects.add_finalizer,
    act.KeepCredential: objects.keep_credential,
    act.PublishSecrets: objects.publish,
    act.ReleaseSecrets: objects.release,
    act.Retain: objects.retain,
    act.RemoveSecrets: objects.remove_secrets,
    act.RemoveFinalizer: objects.remove_finalizer,
    act.DropLedger: objects.drop_ledger,
}


async def _guarded(this: Pass, action: act.Action) -> bool:
    """Runs what is done in the cluster; a failure is a trouble under "publish" and a pause."""
    try:
        await _OBJECTS[type(action)](this, action)
    except SecretRefused as refused:
        _fail(this, refused.problem.reason, refused.problem.message, person=refused.problem.stalls)
        return False
    except Conflict:  # somebody wrote in between; not of every Secret does a watch tell
        this.memory.pause("publish", this.world.now() + FIRST_PAUSE)
        return False
    except KubeError as error:
        going = isinstance(error, Forbidden) and error.namespace_terminating
        reason = Reason.NAMESPACE_TERMINATING if going else Reason.CLUSTER_UNAVAILABLE
        _fail(this, reason, error.told, person=error.needs_person)
        return False
    this.memory.succeeded("publish")
    return True


def _fail(this: Pass, reason: Reason, message: str, *, person: bool) -> None:
    _log.warning("pool %s/%s: %s", this.handle.ledger.namespace, this.handle.ledger.pool, message)
    this.memory.failed("publish", reason, message, this.world.now(), this.world.random(), person=person)
