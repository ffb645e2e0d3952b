"""What a plan asks for outside the ledger. Plain values; `reconcile.perform` carries them out."""

from dataclasses import dataclass

from keypool.core.projection import Desired


@dataclass(frozen=True, slots=True)
class AddFinalizer:
    """Before the first create call: from here on the pool cannot vanish without us."""


@dataclass(frozen=True, slots=True)
class RestoreFinalizer:
    """Put our finalizer back on a pool that has keys. When that fails, all else goes on."""


@dataclass(frozen=True, slots=True)
class CreateKey:
    """Make the create call of an intent that is durable."""

    name: str


@dataclass(frozen=True, slots=True)
class RepeatCreate:
    """Make the create call of an unresolved intent again, with the same name and the value that was ours to choose."""

    name: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """List the provider's keys to resolve intents whose answer was lost."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FindGone:
    """List the provider's keys to see which of these rejected ones, all out of the Secret, exist no more."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProbeKey:
    """Ask the provider whether it accepts this key's value."""

    name: str


@dataclass(frozen=True, slots=True)
class ReadUsage:
    """Ask the provider what this key was used for."""

    name: str


@dataclass(frozen=True, slots=True)
class PublishSecrets:
    """Write these Secrets and delete those, which are ours and no longer wanted. `repair`: somebody changed them."""

    write: tuple[Desired, ...]
    remove: tuple[str, ...] = ()
    repair: bool = False


@dataclass(frozen=True, slots=True)
class UpdateKey:
    """Give the key the limits that the spec asks for."""

    name: str


@dataclass(frozen=True, slots=True)
class DisableKey:
    """Disable the key upstream and prove that its value is rejected."""

    name: str


@dataclass(frozen=True, slots=True)
class EnableKey:
    """Enable the key upstream again."""

    name: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Delete the key upstream and prove that its value is dead."""

    name: str


@dataclass(frozen=True, slots=True)
class ReleaseSecrets:
    """Take our owner references off the published Secrets, so that they outlive the pool; `secrets` is what they hold.
    Those that the garbage collector took before us (`kubectl delete --cascade=foreground`) are written again."""

    names: tuple[str, ...]
    secrets: tuple[Desired, ...] = ()


@dataclass(frozen=True, slots=True)
class Retain:
    """The pool went by Retain: see that its Secrets stand and are nobody's, then forget the keys' values."""

    names: tuple[str, ...]
    secrets: tuple[Desired, ...] = ()


@dataclass(frozen=True, slots=True)
class RemoveSecrets:
    """Delete the published Secrets of a pool that is being deleted."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RemoveFinalizer:
    """Let the pool go. The last thing that is done for it."""


@dataclass(frozen=True, slots=True)
class KeepCredential:
    """Copy the admin credentials of these providers beside the ledgers: keys are owed and their pool is going."""

    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DropLedger:
    """Delete a ledger that has nothing left to remember."""


Action = (
    AddFinalizer
    | RestoreFinalizer
    | CreateKey
    | RepeatCreate
    | LookUp
    | FindGone
    | ProbeKey
    | ReadUsage
    | PublishSecrets
    | UpdateKey
    | DisableKey
    | EnableKey
    | RevokeKey
    | ReleaseSecrets
    | Retain
    | RemoveSecrets
    | RemoveFinalizer
    | KeepCredential
    | DropLedger
)
