"""What the contract suite knows of every upstream, whether a small server of ours or a real gateway."""

from typing import Protocol


class Upstream(Protocol):
    """One account at one provider, with the ground truth that no adapter sees."""

    @property
    def url(self) -> str:
        """The base URL that an adapter is given; a fault proxy may stand in front of it."""
        ...

    @property
    def admin_credential(self) -> str:
        """The credential that manages keys, whether or not it is accepted now; "" where keys have no API."""
        ...

    async def live_fingerprints(self) -> frozenset[str]:
        """keypool's fingerprints (12 hex digits of SHA-256) of all values that the upstream accepts now."""
        ...

    async def make_foreign_key(self, name: str) -> str:
        """Makes a key as somebody else would, outside keypool, and returns its handle."""
        ...

    async def end_key_outside(self, handle: str) -> None:
        """Deletes a key as somebody would in the provider's console. Raises KeyError where there is none."""
        ...

    async def expire_admin(self) -> None:
        """The admin credential is refused from now on."""
        ...

    async def restore_admin(self) -> None:
        """The same admin credential is accepted again."""
        ...
