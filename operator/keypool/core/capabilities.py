"""What a provider can do, as plain data: the planner's rules, refusals of specs and the docs' tables follow from it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One provider's abilities and lags. A field without a comment is what its name says.

    `lists_inactive`: its listing has all keys, also disabled and expired ones, so that what is missing does not exist.
    `creates_keys`: False where people make keys and put them into a Secret. `chooses_value`: a create call takes the
    value that the key is to have, and repeating it with the same value is harmless. `changes_limits`: rate limit,
    spending limit and models of a key are changed in place. `limits_account`: the rate limit counts for the whole
    account, whichever key is used. `limits_group_spend`: keys of one pool can share a spending limit upstream.
    `activation_lag`: how long a new key may be rejected although it is good. `listing_lag`: how long a new key may be
    missing from a listing. `revocation_lag`: how long a deleted key may still be accepted. `max_lifetime`: the longest
    life the provider grants a key, None for no limit.
    """

    creates_keys: bool = True
    lists_keys: bool = True
    lists_names: bool = False
    lists_values: bool = False
    lists_inactive: bool = False
    chooses_value: bool = False
    sets_expiry: bool = False
    changes_limits: bool = False
    disables_keys: bool = False
    sets_spend_limit: bool = False
    limits_group_spend: bool = False
    sets_rate_limit: bool = False
    limits_account: bool = False
    sets_scopes: bool = False
    sets_models: bool = False
    sets_tags: bool = False
    sets_metadata: bool = False
    tells_last_use: bool = False
    tells_usage: bool = False
    deletes_keys: bool = True
    activation_lag: timedelta = timedelta(0)
    listing_lag: timedelta = timedelta(0)
    revocation_lag: timedelta = timedelta(0)
    max_lifetime: timedelta | None = None

    @property
    def reads_usage(self) -> bool:
        """Whether there is anything to read about what a key was used for, be it only when last."""
        return self.tells_usage or self.tells_last_use
