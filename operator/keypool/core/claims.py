"""Lost keys where names are not listed.

In a shared account a listing can only show that a call made no key: none is there that might be its.

In an exclusive account: a listed key that no ledger knows was made by a create call whose answer was lost.

A call that is under way now may be listed before its handle is in a ledger. So a key is claimed only when it was
unknown in one listing and is still unknown in another that began a create deadline later: by then every call that can
have made it is recorded. Purely computational.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Sighting:
    """A listed key that no ledger knows. `since`: the end of the first listing that had it; `missing`: the beginning of
    the listing before that, which did not have it, None when there was none."""

    since: datetime
    missing: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An intent whose answer was lost: from `visible` on, each listing has its key if there is one."""

    name: str
    visible: datetime


@dataclass(frozen=True, slots=True)
class Doubt:
    """An intent of `begun` in a shared account whose answer was lost: from `visible` on, each complete listing has its
    key if there is one. `identity`: whom the key was to be made for."""

    name: str
    begun: datetime
    visible: datetime
    identity: str | None = None


def shown_absent(
    doubts: Iterable[Doubt],
    unknown: Mapping[str, datetime | None],
    identities: Mapping[str | None, datetime],
    begun: datetime,
    since: datetime | None = None,
) -> frozenset[str]:
    """The intents that made no key, by a listing of all keys, also inactive ones, that began at `begun`. `unknown`: its
    keys that no ledger knows, with the end of the first listing that had them, None for this one; `identities`: of our
    live keys that it shows, with when the first was made. Without one of those it might be a listing of elsewhere; and
    with one that is younger than the intent, the call may have been made elsewhere, unless the credential was in use
    `since` before. An unknown key is not the lost one when a listing that ended before the intent had it."""
    newest = max((first or begun for first in unknown.values()), default=None)
    return frozenset(
        doubt.name
        for doubt in doubts
        if doubt.visible <= begun and _is_of_here(doubt, identities, since) and (newest is None or newest < doubt.begun)
    )


def _is_of_here(doubt: Doubt, identities: Mapping[str | None, datetime], since: datetime | None) -> bool:
    made = identities.get(doubt.identity)
    return made is not None and (made <= doubt.begun or (since is not None and since <= doubt.begun))


@dataclass(frozen=True, slots=True)
class Claims:
    """Intent to handle (None: it never became a key); `again`: when those that stay open can be decided."""

    decided: Mapping[str, str | None]
    again: datetime | None = None


def sighted(
    before: Mapping[str, Sighting], unknown: Iterable[str], ended: datetime, last: datetime | None
) -> dict[str, Sighting]:
    """The sightings after a listing that was complete at `ended`; `last` is the beginning of the one before it."""
    return {handle: before.get(handle) or Sighting(ended, last) for handle in unknown}


def claim(wanted: Iterable[Wanted], seen: Mapping[str, Sighting], begun: datetime, deadline: timedelta) -> Claims:
    """Decides by a listing that began at `begun`, after the sightings were brought up to date with it.

    Of several keys the one that came last is taken: older ones may be left from before.
    """
    free = dict(sorted(seen.items(), key=lambda item: item[1].since, reverse=True))
    decided: dict[str, str | None] = {}
    again: list[datetime] = []
    for intent in wanted:
        if intent.visible > begun:
            continue
        suspects = {handle: key for handle, key in free.items() if key.missing is None or key.missing < intent.visible}
        ripe = [handle for handle, key in suspects.items() if key.since + deadline <= begun]
        if ripe:
            decided[intent.name] = ripe[0]
            del free[ripe[0]]
        elif suspects:
            again.append(min(key.since for key in suspects.values()) + deadline)
        else:
            decided[intent.name] = None
    return Claims(decided, min(again, default=None))
