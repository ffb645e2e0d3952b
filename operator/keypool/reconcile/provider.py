"""The reconciler of providers: is the endpoint allowed, does the provider take the credential, is it our account?

A new credential is tried while the one before stays in use, and takes its place only when it is good.
"""

import contextlib
from functools import partial
from time import monotonic
from typing import Any

from pydantic import SecretStr, ValidationError

from keypool.api.provider import KeyProviderSpec
from keypool.cluster import keepsakes, paths
from keypool.cluster.cache import Kind
from keypool.cluster.credentials import MAX_AGE, ConsentMissing, CredentialMissing
from keypool.cluster.errors import Conflict, KubeError, NotFound
from keypool.cluster.keeping import with_status
from keypool.core.annotations import CONFIRM
from keypool.core.brake import Grip
from keypool.core.observation import Problem
from keypool.core.provider_situations import Standing
from keypool.core.reasons import Reason
from keypool.core.sight import BRAKE
from keypool.providers.errors import ProviderError
from keypool.reconcile import consenting
from keypool.reconcile.attempt import LATEST, SOONEST, Attempt, is_to_be_checked, may_be_tried_again
from keypool.reconcile.changes import PACED
from keypool.reconcile.check_line import CheckLine
from keypool.reconcile.directory import Entry
from keypool.reconcile.first_sight import reported_when_slow
from keypool.reconcile.objects import drop_unneeded
from keypool.reconcile.provider_audit import nothing_to_confirm, tell
from keypool.reconcile.provider_events import tell_people
from keypool.reconcile.provider_judging import judge
from keypool.reconcile.provider_measures import concluded
from keypool.reconcile.provider_memory import Looks
from keypool.reconcile.provider_object import account, subject
from keypool.reconcile.provider_standing import as_told, patient, problem_with, reopens, unasked, unreadable
from keypool.reconcile.proving import problem_of
from keypool.reconcile.reaching import moved_away
from keypool.reconcile.readings import moment, request
from keypool.reconcile.unforeseen import Unforeseen
from keypool.reconcile.world import World
from keypool.reconcile.write_backs import WriteBacks


class ProviderReconciler:
    """Keeps `World.directory` and the brakes in `World.accounts` up to date."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._memories: dict[str, Looks] = {}
        self._unforeseen = Unforeseen(world)
        self._write_backs = WriteBacks(world.now)
        self._line = CheckLine(monotonic)

    async def reconcile(self, uid: str) -> float | None:
        """Looks at one provider; seconds until the next look."""
        try:
            pause = await self._reconcile(uid)
        except KubeError:
            raise
        except BaseException as error:  # noqa: BLE001 - one place for all that nobody foresaw
            return await self._unforeseen.of_provider(uid, error)
        self._unforeseen.over(uid, "provider")
        return pause

    async def _reconcile(self, uid: str) -> float | None:
        world = self._world
        obj = world.cache.provider_by_uid(uid)
        if obj is None:
            was_seen = self._memories.pop(uid, None) is not None
            self._write_backs.forget(uid)
            self._line.leave(uid)
            world.metrics.providers.gone(uid)
            world.auditor.forget(uid)
            has_keys = self._has_keys(uid)
            await self._keep_for_its_keys(uid, has_keys=has_keys)
            if was_seen or world.sight.sees_all():  # else it may be where this operator does not look
                await world.accounts.forget(uid, owed=has_keys)
                if not has_keys:
                    await world.budgets.forget(uid)
            if not (has_keys or world.ledgers.unreadable):
                world.directory.forget(uid)
            return MAX_AGE if has_keys else None
        memory = self._memories.setdefault(uid, Looks())
        self._notice(uid, memory)
        async with reported_when_slow(partial(self._say_unasked, obj, memory)):
            standing, waits = patient(world, obj, await self._examine(obj, memory))
        obj = world.cache.provider_by_uid(uid) or obj
        world.directory.set_problem(uid, standing.problem)
        tell(world, obj, standing, memory)
        pause = await judge(world, uid, memory) if standing.problem is None else MAX_AGE
        await self._tell(obj, memory)
        again = await self._write_status(obj, as_told(world, obj, standing), memory)
        await drop_unneeded(world, (uid,))  # a leadership may have ended between a ledger and what was kept for it
        await world.directory.renew(uid)
        world.accounts.forget_listing(uid)
        memory.failures = memory.failures + 1 if standing.worst is not None else 0
        pause = min(pause, reopens(world, obj), waits, again, memory.checked_in)
        return pause if standing.worst is None else min(pause, self._next_try(memory))

    async def _say_unasked(self, obj: dict[str, Any], memory: Looks) -> bool:
        """Where nobody looked at it yet; a report that cannot be written stops no look."""
        if (waiting := unasked(self._world, obj)) is not None:
            with contextlib.suppress(KubeError):
                await self._write_status(obj, waiting, memory)
        return True

    def _notice(self, uid: str, memory: Looks) -> None:
        """What passes found out since the last look, other pools may have seen: they have to look again, also when it
        is over by the end of this look."""
        now = (self._world.directory.concern(uid), self._world.accounts.grip(uid))
        if memory.told is not None and memory.told[:2] != now:
            memory.told = None

    def _next_try(self, memory: Looks) -> float:
        now = self._world.now()
        waits = [wait for attempt in (memory.using, memory.coming) if (wait := attempt.wait(now)) is not None]
        return max(min(waits, default=min(SOONEST * 2 ** min(memory.failures - 1, 6), LATEST)), 0.05)

    async def _keep_for_its_keys(self, uid: str, *, has_keys: bool) -> None:
        """Of an object that is gone, to revoke them one day. A ledger that cannot be read may have some."""
        if not has_keys:
            await drop_unneeded(self._world, (uid,))
        elif self._world.installed.changed is None:
            await self._world.directory.keep(uid)

    def _has_keys(self, uid: str) -> bool:
        return self._world.ledgers.owed.needed(uid, exists=False)

    async def _examine(self, obj: dict[str, Any], memory: Looks) -> Standing:
        """Whether keys can be managed through this provider, with what, and whether that is what the object says."""
        world, uid, token = self._world, obj["metadata"]["uid"], self._token(obj)
        try:
            spec = account(obj)
            self._world.budgets.configure(uid, spec.request_budget, moment(obj["metadata"]["creationTimestamp"]))
            age = consenting.max_age(world, uid, changed=memory.coming.problem is not None or bool(token))
            credential = await consenting.credential(world, obj["metadata"], spec, age)
            authorities = spec.ca_secret_ref
            spec = await consenting.with_authorities(world, obj["metadata"], spec, age)
        except ValidationError as error:
            return Standing(unreadable(error))
        except ConsentMissing as missing:
            return await self._without_consent(obj, memory, token, Problem(Reason.CONSENT_MISSING, str(missing)))
        except CredentialMissing as missing:
            return Standing(Problem(Reason.CREDENTIAL_MISSING, str(missing), not_there_yet=not missing.there))
        except KubeError as error:
            with_it, unread = self._world.directory.get(uid), problem_with("the credential's Secret", error)
            return Standing(None, unread) if with_it is not None and with_it.trusted else Standing(unread)
        return await self._use(obj, memory, keepsakes.Kept(spec, credential, authorities))

    async def _use(self, obj: dict[str, Any], memory: Looks, given: keepsakes.Kept) -> Standing:
        """Proves a credential whose Secret allows it: at once where there is none in use."""
        (spec, value, authorities), uid, token = given, obj["metadata"]["uid"], self._token(obj)
        moved = await moved_away(self._world, uid, spec)
        known = self._world.directory.get(uid)
        self._world.directory.withhold(uid, None)
        if moved is not None:
            return Standing(await self._in_use(obj, memory, moved[0], token), pending=moved[1])
        try:
            if memory.is_another(spec, value, known) and not self._world.changes.may_be_tried(obj):
                return await self._paced(memory, known)
            memory.tried = spec, value
            await self._world.directory.prepare(uid, spec)
            known = self._world.directory.get(uid)  # it may have been recalled meanwhile
            if known is None or not known.trusted:
                known = self._world.directory.enter(uid, obj["metadata"]["name"], spec, value)
            if known.has(spec, value):
                known.spec, known.authorities = spec, authorities
                return Standing(await self._in_use(obj, memory, known, token))
            coming = self._coming(memory, obj, spec, value)
            coming.authorities = authorities
        except ProviderError as error:
            refused = problem_of(error, Reason.ENDPOINT_REFUSED)
            return Standing(None, refused) if known is not None and known.trusted else Standing(refused)
        return await self._change(memory, known, coming, token)

    def _token(self, obj: dict[str, Any]) -> str:
        """The annotation that confirms another account, "" when there is none that was not handled."""
        token = request(obj, CONFIRM) or ""
        return "" if self._world.accounts.is_handled(obj["metadata"]["uid"], token) else token

    async def _without_consent(self, obj: dict[str, Any], memory: Looks, token: str, problem: Problem) -> Standing:
        """What was allowed before goes on with what exists. It makes new keys only if it is still allowed, and merely
        what the object says now is not."""
        uid, directory = obj["metadata"]["uid"], self._world.directory
        entry = await directory.recall(uid) if directory.get(uid) or uid in directory.kept() else None
        if entry is None or not (entry.trusted or entry.kept):
            return Standing(problem)
        allowed = await consenting.objection(self._world, entry, 0.0) is None
        directory.withhold(uid, None if allowed else problem)
        if allowed:
            return Standing(await self._in_use(obj, memory, entry, token), pending=problem)
        if self._has_keys(uid):  # else it would be kept for ever, against its owner's word
            await directory.keep(uid)
        return Standing(await self._in_use(obj, memory, entry, token), withheld=problem)

    async def _in_use(self, obj: dict[str, Any], memory: Looks, entry: Entry, token: str) -> Problem | None:
        """Proves what is, or is to be, in use, unless it is proven already and answers."""
        self._give_up(memory)
        confirms = token and (entry.trusted or memory.using.is_of_another_word(entry, token))
        if confirms and not self._world.changes.may_be_tried(obj):
            return memory.using.put_off(self._world.now())
        problem, directory, memory.checked_in = None, self._world.directory, MAX_AGE
        doubtful = directory.problem(entry.uid) is not None or directory.doubtful(entry.uid)
        if not entry.trusted or doubtful or may_be_tried_again(entry):
            problem = await memory.using.make(self._world, entry, token)
            directory.looked_at(entry.uid)
        elif is_to_be_checked(entry, self._world.budgets.quota(entry.uid), self._world.now()):
            if wait := self._line.wait(entry.uid, entry.host):
                memory.checked_in = wait
            else:
                problem = await memory.using.check(self._world, entry)
        if problem is None and token and not self._world.accounts.is_handled(entry.uid, token):
            await self._world.accounts.use_up(entry.uid, token)
            nothing_to_confirm(self._world, obj, token)
        return problem

    async def _change(self, memory: Looks, known: Entry, coming: Entry, token: str) -> Standing:
        """Another credential, or other options: used once they are proven; until then, what was in use before."""
        pending = await memory.coming.make(self._world, coming, token)
        if pending is None:
            memory.coming, memory.using = Attempt(), Attempt()
            return Standing()
        return Standing(await memory.using.anew(self._world, known), pending)

    async def _paced(self, memory: Looks, known: Entry | None) -> Standing:
        """What people changed is not tried now. What was in use is no better by that."""
        self._give_up(memory)
        trusted = known if known is not None and known.trusted else None
        standing = Standing(await memory.using.anew(self._world, trusted), PACED) if trusted else Standing(PACED)
        memory.using.put_off(self._world.now())
        return standing

    def _coming(self, memory: Looks, obj: dict[str, Any], spec: KeyProviderSpec, credential: SecretStr) -> Entry:
        entry = memory.coming.entry
        if entry is None or not entry.has(spec, credential):
            self._give_up(memory)
            meta = obj["metadata"]
            entry = memory.coming.entry = self._world.directory.candidate(meta["uid"], meta["name"], spec, credential)
        return entry

    def _give_up(self, memory: Looks) -> None:
        """What was to replace the credential in use is not wanted any more."""
        if memory.coming.entry is not None:
            self._world.directory.discard(memory.coming.entry)
        memory.coming = Attempt()

    async def _tell(self, obj: dict[str, Any], memory: Looks) -> None:
        """Has the pools look again when something changed for them."""
        meta, grip = obj["metadata"], self._world.accounts.grip(obj["metadata"]["uid"])
        facts = self._world.directory.facts(meta["uid"])
        url = facts.url_in_use if facts is not None else None
        now = (self._world.directory.concern(meta["uid"]), grip, self._world.directory.get(meta["uid"]), url)
        if memory.told == now:
            return
        before, memory.told = memory.told, now
        for pool in self._world.cache.pools_of_provider(meta.get("namespace", ""), meta["name"]):
            self._world.touch_pool(pool)
        if grip is Grip.ENGAGED and (before is None or before[1] is not grip):
            await self._world.announcer.announce(subject(obj), "Warning", Reason.MOST_KEYS_REJECTED, BRAKE)

    async def _write_status(self, obj: dict[str, Any], standing: Standing, memory: Looks) -> float:
        """Seconds until it is to be written back, where somebody else writes it again and again."""
        meta, world = obj["metadata"], self._world
        schedule = memory.demand.of(world, meta)
        status = concluded(world, obj, standing, schedule)
        if obj.get("status") == status:
            return MAX_AGE
        if (again := self._write_backs.wait(meta["uid"], status)) > 0:
            return again
        place = meta.get("namespace", ""), meta["name"]
        taken = True
        try:
            stored = await world.client.replace(paths.provider_status(*place), with_status(obj, status))
        except NotFound:
            return MAX_AGE
        except Conflict:
            stored = await world.client.get(paths.provider(*place))
            world.touch_provider(meta["uid"])
            taken = False
        else:
            self._write_backs.written(meta["uid"], status)
        world.cache.upsert(Kind.PROVIDER if place[0] else Kind.CLUSTER_PROVIDER, stored)
        if taken:
            await tell_people(world, obj, standing, schedule)
        return MAX_AGE
