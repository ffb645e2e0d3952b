"""What the Secrets that a provider object names let be done with them: read when it is looked at, and before each key
that is made."""

from typing import Any

from pydantic import SecretStr

from keypool.api.provider import KeyProviderSpec
from keypool.api.provider_auth import CaRef
from keypool.cluster.credentials import MAX_AGE, ConsentMissing, CredentialMissing
from keypool.cluster.errors import KubeError
from keypool.core.consent import CERTIFICATES, OPAQUE, Use, as_credential
from keypool.core.observation import PoolFacts, Problem
from keypool.core.reasons import Reason
from keypool.providers.oauth import join_client
from keypool.reconcile.directory import Entry
from keypool.reconcile.world import World

NO_CREDENTIAL = SecretStr("")
AT_ONCE = 0.25
"""Seconds for which consent that was read is good for another key: many are made at once."""


def use_of(name: str, spec: KeyProviderSpec, types: frozenset[str] = OPAQUE) -> Use:
    """All that the operator sends a credential to for this provider object."""
    oauth = spec.auth.oauth2 if spec.auth is not None else None
    urls = [endpoint.url for endpoint in spec.endpoints] + ([oauth.token_url] if oauth is not None else [])
    return as_credential(name, urls, types)


def max_age(world: World, uid: str, *, changed: bool) -> float:
    """Seconds for which a Secret's content is good: it is read anew wherever a person may just have changed it."""
    bad = world.directory.problem(uid) is not None or world.directory.withheld(uid) is not None
    return 0.0 if bad or changed else MAX_AGE


async def credential(world: World, meta: dict[str, Any], spec: KeyProviderSpec, age: float) -> SecretStr:
    """The admin credential. Raises CredentialMissing, ConsentMissing, KubeError."""
    if spec.auth is None:
        return NO_CREDENTIAL
    place, use, read = meta.get("namespace") or world.ledgers.namespace, use_of(meta["name"], spec), world.credentials
    if spec.auth.secret_ref is not None:
        ref = spec.auth.secret_ref
        return await read.read(place, ref.name, ref.key, use, max_age=age)
    assert spec.auth.oauth2 is not None  # noqa: S101
    client = spec.auth.oauth2.secret_ref
    return join_client(
        await read.read(place, client.name, client.client_id_key, use, max_age=age),
        await read.read(place, client.name, client.client_secret_key, use, max_age=age),
    )


async def with_authorities(world: World, meta: dict[str, Any], spec: KeyProviderSpec, age: float) -> KeyProviderSpec:
    """The spec with the certificates as if they stood in it: so another content is another spec, and what is kept of
    the provider, to revoke its keys one day, has them. Raises CredentialMissing, ConsentMissing, KubeError."""
    if (ref := spec.ca_secret_ref) is None:
        return spec
    bundle = await _bundle(world, meta, spec, ref, age)
    return spec.model_copy(update={"ca_bundle": bundle, "ca_secret_ref": None})


async def _bundle(world: World, meta: dict[str, Any], spec: KeyProviderSpec, ref: CaRef, age: float) -> str:
    place, use = meta.get("namespace") or world.ledgers.namespace, use_of(meta["name"], spec, CERTIFICATES)
    try:
        return await world.credentials.bundle(place, ref.name, ref.key, use, max_age=age)
    except ConsentMissing as missing:
        raise ConsentMissing(f"spec.caSecretRef: {missing}") from None
    except CredentialMissing as missing:
        raise CredentialMissing(f"spec.caSecretRef: {missing}", there=missing.there) from None


async def objection(world: World, entry: Entry, age: float) -> Problem | None:
    """Why no key may be made with the credential that is in use, or under its certificates; None where their Secrets
    still let them be used so."""
    obj = world.cache.provider_by_uid(entry.uid)
    if obj is None:
        return None  # its pools have no provider then
    try:
        await credential(world, obj["metadata"], entry.spec, age)
        if entry.authorities is not None:
            await _bundle(world, obj["metadata"], entry.spec, entry.authorities, age)
    except ConsentMissing as missing:
        return Problem(Reason.CONSENT_MISSING, str(missing))
    except CredentialMissing as missing:
        return Problem(Reason.CREDENTIAL_MISSING, str(missing))
    except KubeError as error:
        return Problem(
            Reason.CLUSTER_UNAVAILABLE,
            f"the Secret of the credential, or of the certificates: {error}",
            error.needs_person,
        )
    return None


def needed_by(world: World, pool: PoolFacts, secret: str) -> Problem | None:
    """Why a pool must not write into a Secret: a provider object or another pool reads it."""
    readers = world.cache.readers(pool.namespace, secret)
    if pool.namespace == world.ledgers.namespace:  # there stand those of ClusterKeyProviders
        readers |= world.cache.readers("", secret)
    if not readers:
        return None
    if any(world.cache.provider_by_uid(uid) is not None for uid in readers):
        return Problem(Reason.SECRET_FOREIGN, f"Secret {secret} is one that a provider object names: use another")
    return Problem(Reason.SECRET_FOREIGN, f"Secret {secret} is one that a pool's keysFrom names: use another")


async def may_create(world: World, entry: Entry) -> bool:
    """Whether the credential's Secret lets it be used at this moment; where not, all pools are told at once."""
    found = await objection(world, entry, AT_ONCE)
    if found is None:
        return True
    if found.reason is Reason.CONSENT_MISSING:
        world.directory.withhold(entry.uid, found)
    world.touch_provider(entry.uid)
    return False
