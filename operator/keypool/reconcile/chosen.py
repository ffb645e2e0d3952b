"""Values of keys, where the provider lets us choose them: a create call whose answer is lost can then be made again."""

import secrets
from collections.abc import Callable

from pydantic import SecretStr

from keypool.core.ledger import Ledger
from keypool.core.lifecycle import KeyState
from keypool.core.observation import ProviderFacts


def new_value() -> SecretStr:
    """A value that nobody can guess: sk- and 43 characters of 256 random bits."""
    return SecretStr(f"sk-{secrets.token_urlsafe(32)}")


def with_chosen_values(
    provider: ProviderFacts | None, ledger: Ledger, make: Callable[[], SecretStr] = new_value
) -> Ledger:
    """The ledger in which each new intent has the value of its key. It is to be durable before the first call."""
    if provider is None or not provider.capabilities.chooses_value:
        return ledger
    for key in ledger.inside(KeyState.INTENDED):
        if key.value is None and key.provider == provider.uid:
            ledger = ledger.mark(key.name, value=make())
    return ledger
