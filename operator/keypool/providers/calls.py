"""Parts of calls that several adapters make."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Literal
from urllib.parse import quote

from pydantic import SecretStr

from keypool.providers.adapter import HANDLE, VALUE, WireModel, read
from keypool.providers.errors import Ambiguous, Rejected
from keypool.providers.pages import Entries
from keypool.providers.protocol import Probe, Revocation
from keypool.providers.text import excerpt
from keypool.providers.transport import Call, Transport

_ANYTHING = re.compile(".")
_CENT_OF_A_CENT = Decimal("0.0001")
"""US dollars by which an amount may differ that became a float on its way."""


class _Deleted(WireModel):
    deleted: Literal[True]


async def delete(transport: Transport, call: Call) -> Revocation:
    """A deletion that is answered `{"deleted": true}`, or 404; `Ambiguous` for any other acceptance."""
    answer = await transport.call(call)
    if answer.status == 404:
        return Revocation.NOT_FOUND
    if not read(_Deleted, answer):
        raise Ambiguous(f"{call.what}: the answer does not say that the key is deleted")
    return Revocation.DELETED


def segment(what: str, handle: str) -> str:
    """The handle as a part of a path. Raises `Rejected` for what no provider gives, such as `../`."""
    if not re.fullmatch(HANDLE, handle):
        raise Rejected(f"{what}: the handle is not one that this provider gives")
    return quote(handle, safe="")


def as_key(what: str, path: str, value: SecretStr, expect: Iterable[int]) -> Call:
    """A GET with a key in the place of the admin credential. Raises `Rejected` for what no header can carry."""
    if not re.fullmatch(VALUE, value.get_secret_value()):
        raise Rejected(f"{what}: the value is not one that this provider gives")
    headers = {"Authorization": f"Bearer {value.get_secret_value()}"}
    return Call(what, "GET", path, headers=headers, secrets=(value,), expect=frozenset(expect))


def check_kept(what: str, asked: Mapping[str, object], kept: Mapping[str, object]) -> None:
    """Raises `Rejected` where a change was accepted and not made, as far as `kept` tells: some servers ignore null, and
    go on enforcing what nobody wants any more."""
    for name in asked.keys() & kept.keys():
        if not _same(asked[name], kept[name]):
            now, wanted = (excerpt(str(limits[name]), ()) for limits in (kept, asked))
            raise Rejected(
                f"{what}: the provider answered that it is done, and {name} is {now} instead of {wanted}; set it there"
            )


def _same(asked: object, kept: object) -> bool:
    if isinstance(asked, int | float) and isinstance(kept, int | Decimal):
        return abs(Decimal(str(asked)) - kept) < _CENT_OF_A_CENT
    if isinstance(asked, list):
        return sorted(asked) == sorted(kept if isinstance(kept, list) else [])
    return asked == kept


class _Model(WireModel):
    pass


MODELS = Entries("data", _Model, lambda _: ("", None))
"""A listing of models, of which nothing is kept."""


async def models_verdict(
    transport: Transport, path: str, value: SecretStr, alive: set[int], dead: re.Pattern[str] = _ANYTHING
) -> Probe:
    """Asks for the models with a key in the place of the admin credential: 401 whose text speaks of a `dead` key is
    one, a status in `alive` one that is merely not allowed now. `Ambiguous` for an acceptance that lists no models, and
    for a refusal that is not a provider's own: what stands before one refuses with pages, not with JSON."""
    answer = await transport.call(replace(as_key("check a key", path, value, {200, 401, *alive}), entries=MODELS))
    if answer.status != 200 and not (dead if answer.status == 401 else _ANYTHING).search(answer.said):
        said = f" ({answer.said})" if answer.said else ""
        raise Ambiguous(f"check a key: the answer {answer.status}{said} does not say whether the key is good")
    if answer.status == 200 and answer.page is None:
        raise Ambiguous("check a key: the answer lists no models")
    return Probe.REJECTED if answer.status == 401 else Probe.ACCEPTED
