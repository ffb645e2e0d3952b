"""How the operator authenticates at a provider: with a credential as it is, or with tokens (`providers.oauth`)."""

from typing import Protocol

from pydantic import SecretStr


class Authentication(Protocol):
    """Gives the bearer token of each call."""

    async def token(self) -> SecretStr:
        """The token. Raises CredentialRejected, Unavailable: in both cases nothing was sent to the provider."""
        ...

    def refused(self, token: SecretStr, /, *, certain: bool) -> bool:
        """The provider refused this token; or, where that is not `certain`, what was asked. True when it was good
        before and the next call has another: only then that call's answer tells whether the credential is refused."""
        ...

    async def close(self) -> None:
        """Closes connections."""
        ...


class FixedCredential:
    """A credential that is sent as it is."""

    def __init__(self, credential: SecretStr) -> None:
        self._credential = credential

    async def token(self) -> SecretStr:
        """The credential."""
        return self._credential

    def refused(self, _token: SecretStr, /, *, certain: bool) -> bool:  # noqa: ARG002 - by name
        """There is no other."""
        return False

    async def close(self) -> None:
        """Nothing is open."""
