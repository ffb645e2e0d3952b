"""What a provider can do, as plain data: the planner's rules and the docs' tables follow from it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Capabilities:
    """One provider's abilities and lags.

    `activation_lag`: how long a new key may be rejected although it is good. `listing_lag`: how long a new key may
    be missing from a listing. `max_lifetime`: the longest life the provider grants a key, None for no limit.
    """

    lists_keys: bool = True
    lists_names: bool = False
    lists_values: bool = False
    sets_expiry: bool = False
    sets_rate_limit: bool = False
    sets_scopes: bool = False
    deletes_keys: bool = True
    activation_lag: timedelta = timedelta(0)
    listing_lag: timedelta = timedelta(0)
    max_lifetime: timedelta | None = None
