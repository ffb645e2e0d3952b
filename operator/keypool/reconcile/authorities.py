"""The certificates that a provider object names in a Secret."""

from typing import Any

from keypool.api.provider import KeyProviderSpec
from keypool.cluster.credentials import CredentialMissing
from keypool.reconcile.world import World


async def with_authorities(world: World, meta: dict[str, Any], spec: KeyProviderSpec) -> KeyProviderSpec:
    """The spec with the certificates as if they stood in it: so another content is another spec, and what is kept of
    the provider, to revoke its keys one day, has them. Raises CredentialMissing, KubeError."""
    if (ref := spec.ca_secret_ref) is None:
        return spec
    place = meta.get("namespace") or world.ledgers.namespace
    fresh = world.directory.problem(meta["uid"]) is not None
    try:
        bundle = await world.credentials.bundle(place, ref.name, ref.key, fresh=fresh)
    except CredentialMissing as missing:
        raise CredentialMissing(f"spec.caSecretRef: {missing}", there=missing.there) from None
    return spec.model_copy(update={"ca_bundle": bundle, "ca_secret_ref": None})
