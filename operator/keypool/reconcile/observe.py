"""First step of a pass: gather everything once. Changes nothing but what is counted, and calls no provider."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from keypool.api.pool import ProviderRef
from keypool.cluster import paths
from keypool.cluster.cache import Kind
from keypool.cluster.errors import KubeError, NotFound
from keypool.cluster.secret_view import secret_view
from keypool.core import consent
from keypool.core.annotations import ABANDON
from keypool.core.effective import effective
from keypool.core.ledger import Ledger
from keypool.core.limits import NO_IDENTITY, Identity
from keypool.core.observation import Observation, PoolFacts, Problem, ProviderFacts, heard_since
from keypool.core.ownership import contest, is_ours, problem_of
from keypool.core.projection import LABEL_PUBLISHED, secret_names
from keypool.core.reasons import Reason
from keypool.core.rules.intents import absence_of, lost_in
from keypool.core.supply import Supply, read_supply
from keypool.core.views_secret import SecretView
from keypool.core.wording import is_name
from keypool.reconcile.consenting import needed_by
from keypool.reconcile.memory import Memory
from keypool.reconcile.pace import asked_of, place_of
from keypool.reconcile.readings import REQUEST_LIMIT, claimant, pool_facts
from keypool.reconcile.world import World


async def observe(world: World, uid: str, ledger: Ledger, memory: Memory, absent: set[str]) -> Observation:
    """Raises KubeError when the cluster cannot be read. `absent` remembers, for passes in a row, which Secrets were not
    there: they are not watched, so each look costs a call."""
    obj = world.cache.pool(uid)
    pool = pool_facts(obj) if obj is not None else None
    going = pool is None or pool.deleted_at is not None
    provider_uid, provider_problem = (
        _provider(world, pool) if pool is not None else (await _asked(world, ledger, memory), None)
    )
    facts = facts_of(world, provider_uid) if provider_uid else None
    granted = await _granted(world, pool, facts, ledger) if pool is not None and not going else NO_IDENTITY
    place = place_of(pool, ledger, facts)
    asked = asked_of(pool, facts, granted) if pool is not None and not going else 0
    if asked is not None:
        world.cache.sizes.set(uid, place, asked)
    publishes = not isinstance(granted, Problem) or bool(ledger.keys or ledger.publication)
    secrets = await _secrets(world, pool, absent, publishes=publishes) if pool is not None else {}
    return Observation(
        pool=pool,
        ledger=ledger,
        provider=facts,
        refused=granted if isinstance(granted, Problem) else _withheld(world, pool, provider_uid),
        identity=granted if isinstance(granted, Identity) else NO_IDENTITY,
        provider_problem=provider_problem,
        grip=world.accounts.grip(provider_uid),
        epoch=world.leadership.epoch,
        installation=world.installation,
        entropy=world.new_id(),
        started_at=world.started_at,
        clocks_agree=world.clocks_agree(),
        crd_going=going and await crd_is_going(world),
        secret_problem=_secret_problem(world, pool, secrets, ledger) if pool is not None and not going else None,
        abandon=pool.abandon if pool is not None else _asked_of_ledger(world, uid),
        supply=await _supply(world, pool, facts) if pool is not None and not going else None,
        contested=_contested(world, pool, secrets) if pool is not None and not going else None,
        secrets={
            name: view
            for name, view in secrets.items()
            if is_ours(view, uid, ledger.publication > 0, ledger.adoption(name))
        },
        adoptable=_adoptable(pool, secrets, ledger) if pool is not None and not going else {},
        checks=heard_since(memory.checks, world.accounts.released(provider_uid)),
        readings=dict(memory.readings),
        reported=(reported := world.reports.open(uid)),
        lost=_lost(world, provider_uid, reported) if reported else frozenset(),
        sent=memory.sent,
        troubles=dict(memory.troubles),
        wait_until=dict(memory.wait_until),
        creates=memory.creates,
        last_keys=dict(memory.last_keys),
        floor=world.pace.floor,
        room=world.pace.room(place),
        answered=world.accounts.answered(provider_uid),
    )


def _lost(world: World, provider_uid: str | None, names: Iterable[str]) -> frozenset[str]:
    """Those of the keys that were rejected and are not listed as active."""
    lost = world.accounts.brake(provider_uid).lost if provider_uid is not None else ()
    return frozenset(name for name in names if name in lost)


def facts_of(world: World, uid: str) -> ProviderFacts | None:
    """What is known of a provider. That an account is ours alone is said by an object: of one that is gone nobody says
    so any more, and others may make keys there by now."""
    if (facts := world.directory.facts(uid)) is None:
        return None
    exclusive = facts.exclusive and world.cache.provider_by_uid(uid) is not None
    return replace(facts, confirmed=world.accounts.confirmed_since(uid), exclusive=exclusive)


async def _asked(world: World, ledger: Ledger, memory: Memory) -> str | None:
    """Of a pool that is gone: the provider object, perhaps gone as well, that can tell what became of a lost call. Of
    several, one that may tell now, and was asked least often: one that never answers holds up no other."""
    now, due = world.now(), dict[str, datetime]()
    for key in lost_in(ledger):
        may = max(memory.wait_until.get(absence_of(key.name), now), now)
        due[key.provider] = min(due.get(key.provider, may), may)
    for uid in sorted(due, key=lambda each: (due[each], memory.asked[each])):
        if await world.directory.recall(uid) is not None:
            return uid
    return None


def _provider(world: World, pool: PoolFacts) -> tuple[str | None, Problem | None]:
    """UID of the provider object that the pool names, and what is wrong with it."""
    if pool.spec is None:
        return None, None
    ref = pool.spec.provider_ref
    obj = _named(world, pool.namespace, ref)
    if obj is None:
        return None, _not_there(world, pool.namespace, ref)
    problem = world.directory.problem(obj["metadata"]["uid"])
    if problem is not None:
        problem = replace(
            problem, reason=Reason.PROVIDER_NOT_READY, message=f"{ref.kind} {ref.name}: {problem.message}"
        )
    return obj["metadata"]["uid"], problem


def _withheld(world: World, pool: PoolFacts | None, uid: str | None) -> Problem | None:
    """Why nothing may be made with the provider's credential, which goes on probing and revoking."""
    found = world.directory.withheld(uid) if uid is not None else None
    if found is None or pool is None or pool.spec is None:
        return None
    ref = pool.spec.provider_ref
    return replace(found, message=f"{ref.kind} {ref.name}: {found.message}")


def _named(world: World, namespace: str, ref: ProviderRef) -> dict[str, Any] | None:
    return world.cache.provider("" if ref.kind == "ClusterKeyProvider" else namespace, ref.name)


def _as_named(ref: ProviderRef) -> str:
    """People sometimes paste a key where a name belongs."""
    return ref.name if is_name(ref.name) else f"that spec.providerRef names ({len(ref.name)} characters)"


def _not_there(world: World, namespace: str, ref: ProviderRef) -> Problem:
    if ref.kind == "ClusterKeyProvider" and world.tenancy is None:
        text = (
            f"ClusterKeyProvider {_as_named(ref)} cannot be used: this operator serves chosen namespaces alone, and "
            "has no rights to objects of the cluster. Make a pool that names a KeyProvider of this namespace"
        )
        return Problem(Reason.PROVIDER_NOT_FOUND, text)
    where = f" in namespace {namespace}" if ref.kind == "KeyProvider" else ""
    text = f"there is no {ref.kind} {_as_named(ref)}{where}{_other_kind(world, namespace, ref)}"
    return Problem(Reason.PROVIDER_NOT_FOUND, text, not_there_yet=True)


def _other_kind(world: World, namespace: str, ref: ProviderRef) -> str:
    """The commonest mistake: the kind is left out, or is the other one. That an object of the cluster is there, any
    namespace may know; one of another namespace is never named."""
    other = "KeyProvider" if ref.kind == "ClusterKeyProvider" else "ClusterKeyProvider"
    if _named(world, namespace, ref.model_copy(update={"kind": other})) is None:
        return ""
    return f"; there is a {other} of that name: if that is meant, write providerRef.kind: {other}"


async def _granted(world: World, pool: PoolFacts, facts: ProviderFacts | None, ledger: Ledger) -> Identity | Problem:
    """As whom the pool's keys are made, or why none is."""
    identity = await _identity(world, pool, facts)
    return identity if isinstance(identity, Problem) else await world.debts.refusal(ledger) or identity


async def _identity(world: World, pool: PoolFacts, facts: ProviderFacts | None) -> Identity | Problem:
    """A KeyProvider is its namespace's own."""
    if pool.spec is None or pool.spec.provider_ref.kind == "KeyProvider" or world.tenancy is None:
        return NO_IDENTITY
    obj = _named(world, pool.namespace, pool.spec.provider_ref)
    if obj is None:
        return NO_IDENTITY
    try:
        return await world.tenancy.grant(obj, pool, effective(pool.spec, facts.capabilities if facts else None))
    except KubeError as error:  # nothing is made before it is known; all else goes on
        return Problem(Reason.CLUSTER_UNAVAILABLE, f"labels of namespaces: {error}", stalls=False)


async def _secrets(world: World, pool: PoolFacts, absent: set[str], *, publishes: bool) -> dict[str, SecretView]:
    """The pool's target Secrets by name: from the cache, and read live where a wanted one is not in it, or not in it
    with all that the pool wants of it now; all of them where Secrets are not in sight yet. Where it `publishes`
    nothing, and never did, it wants none: such pools are refused by the thousand."""
    if pool.spec is None:
        return {}
    views: dict[str, SecretView] = {}
    names = secret_names(pool.name, pool.spec)
    wanted = names.wanted(pool.spec.size) if publishes and pool.deleted_at is None else ()
    for name in names:
        view = world.cache.secret(pool.namespace, name)
        is_known = view is not None and not world.cache.is_outdated(pool.namespace, name)
        may_be_there = name in wanted or not world.sight.sees(pool.namespace)
        if not is_known and may_be_there and name not in absent:
            view = await _read(world, pool.namespace, name)
            if view is None:  # one that was not wanted, and so not read, may be there
                absent.add(name)
        if view is not None:
            views[name] = view
    return views


async def _supply(world: World, pool: PoolFacts, provider: ProviderFacts | None) -> Supply | None:
    """What people's Secret holds, and whether it allows that, read live; None where keys do not come from one."""
    if pool.spec is None or pool.spec.keys_from is None or provider is None or provider.capabilities.creates_keys:
        return None
    name = pool.spec.keys_from.secret_ref.name
    live = await world.publisher.read(pool.namespace, name)
    if live is not None and (refusal := consent.refusal(live, consent.as_values(pool.name, provider.endpoints))):
        return Supply(name, missing=refusal, withheld=True)
    return read_supply(name, (live.get("data") or {}) if live is not None else None)


def _asked_of_ledger(world: World, uid: str) -> str | None:
    """What an administrator asks for keys whose pool is gone, on the ledger's Secret."""
    handle = world.ledgers.get(uid)
    return (handle.annotations.get(ABANDON, "")[:REQUEST_LIMIT] or None) if handle is not None else None


async def _read(world: World, namespace: str, name: str) -> SecretView | None:
    """One that is watched is remembered: it may have been seen before any pool claimed it."""
    live = await world.publisher.read(namespace, name)
    if live is None:
        return None
    if (live["metadata"].get("labels") or {}).get(LABEL_PUBLISHED) == "true":
        world.cache.upsert(Kind.SECRET, live)
    return secret_view(live)


def _secret_problem(world: World, pool: PoolFacts, secrets: dict[str, SecretView], ledger: Ledger) -> Problem | None:
    wanted = secret_names(pool.name, pool.spec).wanted(pool.spec.size) if pool.spec is not None else ()
    problems = (problem_of(secrets[name], pool.uid, _adopts(pool), ledger) for name in wanted if name in secrets)
    first = next((problem for problem in problems if problem is not None), None)
    named = (needed_by(world, pool, name) for name in _adoptable(pool, secrets, ledger))
    return first or next((problem for problem in named if problem is not None), None)


def _adopts(pool: PoolFacts) -> bool:
    return pool.spec is not None and pool.spec.secret.creation_policy == "Adopt"


def _adoptable(pool: PoolFacts, secrets: dict[str, SecretView], ledger: Ledger) -> dict[str, SecretView]:
    """Secrets of others that the pool may take over."""
    published = ledger.publication > 0
    foreign = {
        name: view
        for name, view in secrets.items()
        if _adopts(pool) and not is_ours(view, pool.uid, published, ledger.adoption(name))
    }
    return {name: view for name, view in foreign.items() if problem_of(view, pool.uid, True, ledger) is None}


def _contested(world: World, pool: PoolFacts, secrets: dict[str, SecretView]) -> Problem | None:
    me = world.cache.pool(pool.uid)
    if pool.spec is None or me is None:
        return None
    for name in secret_names(pool.name, pool.spec):
        rivals = world.cache.pools_claiming(pool.namespace, name) - {pool.uid}
        others = [claimant(obj) for obj in map(world.cache.pool, rivals) if obj is not None]
        owner = secrets[name].owner_uid if name in secrets else None
        if (problem := contest(claimant(me), others, name, owner)) is not None:
            return problem
    return None


async def crd_is_going(world: World) -> bool:
    """Read live, and only for pools that go: a CRD that is deleted takes all pools along, and means Retain."""
    try:
        crd = await world.client.get(paths.crd(Kind.POOL.value))
    except NotFound:
        return True
    return "deletionTimestamp" in crd["metadata"]
