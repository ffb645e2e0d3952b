"""The reconciler of providers: is the endpoint allowed, is the credential there, does the provider take it?"""

import logging
from typing import Any

from pydantic import SecretStr, ValidationError

from keypool.api.duration import render
from keypool.api.provider import KeyProviderSpec
from keypool.api.status import Condition as ConditionModel
from keypool.api.status import KeyProviderStatus, ProviderCapabilities
from keypool.cluster import paths
from keypool.cluster.announcer import Subject
from keypool.cluster.cache import Kind
from keypool.cluster.credentials import MAX_AGE, CredentialMissing
from keypool.cluster.errors import Conflict, NotFound
from keypool.core.capabilities import Capabilities
from keypool.core.conditions import Finding, as_conditions
from keypool.core.observation import Problem
from keypool.core.reasons import Condition, Reason
from keypool.providers.errors import CredentialRejected, ProviderError, Rejected, Throttled
from keypool.reconcile.world import World

SOONEST, LATEST = 2.0, 60.0
"""Seconds between two looks at a provider that is not ready."""

_log = logging.getLogger(__name__)


class ProviderReconciler:
    """Keeps `World.directory` up to date."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._failures: dict[str, int] = {}

    async def reconcile(self, uid: str) -> float | None:
        """Looks at one provider; seconds until the next look."""
        obj = self._world.cache.provider_by_uid(uid)
        if obj is None:
            self._failures.pop(uid, None)
            await self._keep_for_its_keys(uid)
            return None
        problem = await self._examine(obj)
        if self._world.directory.set_problem(uid, problem):
            meta = obj["metadata"]
            for pool in self._world.cache.pools_of_provider(meta["namespace"], meta["name"]):
                self._world.touch_pool(pool)
        await self._write_status(obj, problem)
        self._failures[uid] = 0 if problem is None else self._failures.get(uid, 0) + 1
        return MAX_AGE if problem is None else min(SOONEST * 2 ** min(self._failures[uid] - 1, 6), LATEST)

    async def _keep_for_its_keys(self, uid: str) -> None:
        """The object is gone; its credential is kept while pools still have keys there, to revoke them one day."""
        if self._world.installed.changed is not None:
            return
        ledgers = (handle.ledger for handle in self._world.ledgers.all() if not handle.ledger.retained)
        if any(key.provider == uid for ledger in ledgers for key in ledger.keys):
            await self._world.directory.keep(uid)

    async def _examine(self, obj: dict[str, Any]) -> Problem | None:
        """None when keys can be managed through this provider."""
        meta, directory = obj["metadata"], self._world.directory
        try:
            spec = KeyProviderSpec.model_validate(obj.get("spec") or {})
            credential = await self._credential(meta, spec)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            return Problem(Reason.SPEC_INVALID, f"spec.{where}: {first['msg']}"[:300])
        except CredentialMissing as missing:
            return Problem(Reason.CREDENTIAL_MISSING, str(missing))
        known, bad = directory.get(meta["uid"]), directory.problem(meta["uid"])
        try:
            entry = await directory.enter(meta["uid"], meta["name"], spec, credential)
        except Rejected as error:
            return _problem(error, Reason.ENDPOINT_REFUSED)
        if entry is known and bad is None:
            return None
        try:
            await entry.provider.check()
        except ProviderError as error:
            return _problem(error, Reason.PROVIDER_REFUSED)
        return None

    async def _credential(self, meta: dict[str, Any], spec: KeyProviderSpec) -> SecretStr:
        ref = spec.auth.secret_ref
        fresh = self._world.directory.problem(meta["uid"]) is not None
        return await self._world.credentials.read(meta["namespace"], ref.name, ref.key, fresh=fresh)

    async def _write_status(self, obj: dict[str, Any], problem: Problem | None) -> None:
        meta, now = obj["metadata"], self._world.now()
        before = _conditions(obj)
        entry = self._world.directory.get(meta["uid"])
        status = KeyProviderStatus(
            observed_generation=meta["generation"],
            conditions=as_conditions(_findings(problem), {}, meta["generation"], before, now),
            capabilities=_capabilities(entry.provider.capabilities) if entry is not None else None,
        ).dump()
        if obj.get("status") == status:
            return
        if problem is not None and problem.stalls:
            subject = Subject("KeyProvider", meta["namespace"], meta["name"], meta["uid"])
            await self._world.announcer.announce(subject, "Warning", problem.reason, problem.message)
        path = paths.provider_status(meta["namespace"], meta["name"])
        try:
            stored = await self._world.client.replace(path, {**obj, "status": status})
        except NotFound:
            return
        except Conflict:
            stored = await self._world.client.get(paths.provider(meta["namespace"], meta["name"]))
            self._world.touch_provider(meta["uid"])
        self._world.cache.upsert(Kind.PROVIDER, stored)


def _problem(error: ProviderError, refused: Reason) -> Problem:
    if isinstance(error, CredentialRejected):
        return Problem(Reason.CREDENTIAL_REJECTED, str(error))
    if isinstance(error, Rejected):
        return Problem(refused, str(error))
    reason = Reason.PROVIDER_THROTTLED if isinstance(error, Throttled) else Reason.PROVIDER_UNAVAILABLE
    return Problem(reason, str(error), stalls=False)


def _findings(problem: Problem | None) -> tuple[Finding, ...]:
    if problem is None:
        text = "the provider answers and takes the admin credential"
        return ((Condition.READY, True, Reason.PROVIDER_READY, text),)
    ready: Finding = (Condition.READY, False, problem.reason, problem.message)
    other = Condition.STALLED if problem.stalls else Condition.RECONCILING
    return ready, (other, True, problem.reason, problem.message)


def _capabilities(known: Capabilities) -> ProviderCapabilities:
    return ProviderCapabilities(
        lists_keys=known.lists_keys,
        lists_names=known.lists_names,
        lists_values=known.lists_values,
        sets_expiry=known.sets_expiry,
        sets_rate_limit=known.sets_rate_limit,
        sets_scopes=known.sets_scopes,
        deletes_keys=known.deletes_keys,
        activation_lag=render(known.activation_lag),
        listing_lag=render(known.listing_lag),
        max_lifetime=render(known.max_lifetime) if known.max_lifetime is not None else None,
    )


def _conditions(obj: dict[str, Any]) -> tuple[ConditionModel, ...]:
    try:
        return KeyProviderStatus.model_validate(obj.get("status") or {}).conditions
    except ValidationError:
        return ()
