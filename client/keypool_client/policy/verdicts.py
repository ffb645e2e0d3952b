"""What one relay tells its siblings: what it concluded, never what it counted, and no value."""

import re
from dataclasses import dataclass
from enum import StrEnum

LONGEST_SECONDS = 900.0
"""No verdict is shared for longer."""
MODEL = re.compile(r"[\w.:/@+-]{0,64}", re.ASCII)
"""Names of models come from clients: what does not look like one is not passed on."""


class About(StrEnum):
    """What a verdict is about."""

    KEY = "key"
    """The provider rejects the key."""
    CREDIT = "credit"
    """The credit group has no credit, quota or budget left."""
    RATE = "rate"
    """The rate group is at its limit for one model."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One conclusion."""

    about: About
    pool: str
    """NAMESPACE/NAME of the pool with whose key it was concluded."""
    account: str
    """The opaque name of the pool's account."""
    name: str
    """The key's public id, or the group's name."""
    model: str
    """Of a rate limit; "" else, and where the request named none."""
    since: float
    """When it was concluded, in monotonic seconds: a success of a call that began later ends it."""
    until: float
    """When it ends by itself."""

    @property
    def subject(self) -> tuple[About, str, str, str, str]:
        """What it is about: of two verdicts about the same, the later end counts."""
        return self.about, self.pool, self.account, self.name, self.model
