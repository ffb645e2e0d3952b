"""What the Secret holds that people fill with the values of their keys. Purely computational."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import SecretStr

from keypool.core.pasted import mistake_in
from keypool.core.reasons import Reason
from keypool.core.wording import quoted

LONGEST, MOST = 4096, 100
"""Characters of a value; values of one Secret."""
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class Supply:
    """`secret`: its name. `values` by entry, in the order of the entries. `refused`: why which entries are not taken.
    `missing`: why there are no values at all, "" where there are; then nothing that is known is given up. `withheld`:
    it does not say that it may be used so."""

    secret: str
    values: Mapping[str, SecretStr] = field(default_factory=dict, repr=False)
    refused: tuple[str, ...] = ()
    missing: str = ""
    withheld: bool = False

    @property
    def reason(self) -> Reason:
        """Why there are no values."""
        return Reason.CONSENT_MISSING if self.withheld else Reason.KEYS_FROM_MISSING

    def entry_of(self, value: SecretStr | None) -> str | None:
        """The entry that holds this value, None for none."""
        return next((entry for entry, held in self.values.items() if held == value), None)


def read_supply(secret: str, data: Mapping[str, str] | None) -> Supply:
    """Reads a Secret's `data`; None when there is no such Secret. White space around a value is dropped.

    An empty Secret counts as missing: it is more often a mistake than a wish to lose all keys.
    """
    if data is None:
        return Supply(secret, missing=f"there is no {_named(secret)}: create it, with one entry for each key's value")
    values: dict[str, SecretStr] = {}
    refused: list[str] = []
    for entry in sorted(data):
        text = _decoded(data[entry])
        if (why := _refusal(text, values)) is not None:
            refused.append(f"{entry_named(entry)} {why}")
        elif text is not None:
            values[entry] = SecretStr(text)
    missing = "" if values else f"{_named(secret)} holds no value: add an entry for each key"
    return Supply(secret, values, tuple(refused), missing)


def _named(secret: str) -> str:
    return f"Secret {quoted(secret, 'that spec.keysFrom names')}"


def entry_named(entry: str | None) -> str:
    """An entry's name, as it may be repeated: people sometimes make a key's value the name."""
    return f"entry {quoted(entry or '', 'of the Secret')}"


def _decoded(encoded: str) -> str | None:
    try:
        return base64.b64decode(encoded or "").decode().strip()
    except ValueError:
        return None


def _refusal(text: str | None, values: Mapping[str, SecretStr]) -> str | None:
    """Why a value is not taken; without the value."""
    if text is None:
        return "is not text"
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if (mistake := mistake_in(text)) is not None:
        return mistake
    if not _PRINTABLE.fullmatch(text):
        return "holds characters other than printable ASCII without spaces"
    twin = next((other for other, value in values.items() if value.get_secret_value() == text), None)
    if twin is not None:
        return f"holds the same value as {quoted(twin, 'another')}"
    return f"is one too many: at most {MOST} are taken" if len(values) >= MOST else None
