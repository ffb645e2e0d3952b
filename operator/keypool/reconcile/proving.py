"""Whether a provider's client may be used: it answers, takes the credential, and its account has our keys."""

from dataclasses import dataclass

from keypool.core.account import Account
from keypool.core.annotations import CONFIRM
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.errand import waiting_for_others
from keypool.providers.errors import (
    AdapterUnusable,
    CertificatesUnusable,
    CredentialRejected,
    EndpointRefused,
    ProviderError,
    PutOff,
    Rejected,
    Throttled,
    TokenRefused,
    TooLarge,
    is_refusal,
)
from keypool.providers.protocol import Provider
from keypool.reconcile.accounts import Listing
from keypool.reconcile.directory import Entry
from keypool.reconcile.world import World

ANOTHER_ACCOUNT = Problem(
    Reason.ACCOUNT_CHANGED,
    "the credential's account lists none of the keys that keypool has there, so it is not used. Put the credential of "
    "the right account into the Secret; or, if the account was changed on purpose or all keys were deleted at the "
    f"provider, annotate the provider object with {CONFIRM}=TOKEN, a word not used before, to have all keys replaced",
)

FORBIDDEN = "it refuses the admin credential, or what that may do: check its rights (scopes)"


@dataclass(frozen=True, slots=True)
class Proof:
    """`problem` None: the client may be used, and `listing` shows so, where the provider lists keys."""

    problem: Problem | None
    listing: Listing | None = None


async def prove(world: World, uid: str, provider: Provider) -> Proof:
    """Lists the keys: the cheapest call that needs the admin credential, and the one that tells accounts apart. Where
    there is no listing there is no admin credential either: then it only has to answer."""
    if not provider.capabilities.lists_keys:
        return Proof(await _silence(world, uid, provider))
    try:
        listing = await _listing(world, uid, provider)
    except ProviderError as error:
        return Proof(problem_of(error, Reason.PROVIDER_REFUSED))
    world.accounts.noted(uid, provider, listing)
    return Proof(account_problem(world, uid, provider, listing), listing)


async def _listing(world: World, uid: str, provider: Provider) -> Listing:
    """A token that was revoked early proves nothing: the next one does."""
    try:
        return await world.accounts.take(uid, provider)
    except TokenRefused:
        return await world.accounts.take(uid, provider)


async def _silence(world: World, uid: str, provider: Provider) -> Problem | None:
    """Why there is no answer about a key that people made; whatever it says of the key is one. Without a key there is
    nothing to ask."""
    handles = [world.ledgers.get(pool) for pool in world.ledgers.owed.pools_at(uid)]
    keys = [key for handle in handles if handle is not None for key in handle.ledger.keys if key.provider == uid]
    values = [key.value for key in sorted(keys, key=lambda key: key.state is not KeyState.ACTIVE) if key.value]
    if not values:
        return None
    try:
        with waiting_for_others():
            await provider.probe(values[0])
    except ProviderError as error:
        return None if is_refusal(error) else problem_of(error, Reason.PROVIDER_REFUSED)
    return None


def account_problem(world: World, uid: str, provider: Provider, listing: Listing) -> Problem | None:
    """What the listing says about the account."""
    changed = world.accounts.verdict(uid, provider, listing) is Account.CHANGED
    return ANOTHER_ACCOUNT if changed else None


def is_another_account(world: World, entry: Entry, listing: Listing) -> bool:
    """Whether a client in use turns out to be in another account; then it is not used any more until it is proven."""
    problem = account_problem(world, entry.uid, entry.provider, listing)
    if problem is None:
        return False
    entry.trusted = False
    world.directory.set_problem(entry.uid, problem)
    world.touch_provider(entry.uid)
    return True


async def client_for(world: World, uid: str) -> Provider | None:
    """The client that a key of this provider is revoked through; None while there is none that is proven."""
    return (await proven_client(world, uid))[0]


async def proven_client(world: World, uid: str) -> tuple[Provider | None, Listing | None]:
    """The same, and the listing that proved it just now.

    One that was made from what was kept of a provider whose object is gone is proven here; all others by the
    reconciler of providers.
    """
    entry = await world.directory.recall(uid)
    if entry is None or entry.trusted:
        return (entry.provider if entry is not None else None), None
    if world.cache.provider_by_uid(uid) is not None:
        return None, None
    proof = await prove(world, uid, entry.provider)
    if proof.problem is not None:
        return None, None
    entry.trusted = True
    return entry.provider, proof.listing


_OF_REFUSALS: tuple[tuple[type[Rejected], Reason], ...] = (
    (CredentialRejected, Reason.CREDENTIAL_REJECTED),
    (EndpointRefused, Reason.ENDPOINT_REFUSED),
    (CertificatesUnusable, Reason.CERTIFICATES_UNUSABLE),
    (AdapterUnusable, Reason.ADAPTER_UNUSABLE),
)
_FOR_A_WHILE: tuple[tuple[type[ProviderError], Reason], ...] = (
    (Throttled, Reason.PROVIDER_THROTTLED),
    (PutOff, Reason.LISTING_PUT_OFF),
)


def problem_of(error: ProviderError, refused: Reason) -> Problem:
    """An error as the reason why a provider cannot be used."""
    reason = next((reason for kind, reason in _OF_REFUSALS if isinstance(error, kind)), None)
    if reason is not None:
        return Problem(reason, str(error), stalls=not isinstance(error, TokenRefused))
    if isinstance(error, TooLarge):
        return Problem(Reason.ANSWER_TOO_LARGE, str(error))
    if isinstance(error, Rejected):
        if error.forbidden:
            return Problem(Reason.CREDENTIAL_REJECTED, f"{error}: {FORBIDDEN}")
        return Problem(refused, str(error))
    reason = next((reason for kind, reason in _FOR_A_WHILE if isinstance(error, kind)), Reason.PROVIDER_UNAVAILABLE)
    return Problem(reason, str(error), stalls=False)
