"""What the report of a pod's relay is worth: that the provider is asked about a key at once. Purely computational.

A report is no authority: nothing but the answers to our own probes changes a key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation

SOONEST = timedelta(seconds=1)
"""Between two probes of one key at least this."""
APART = timedelta(seconds=5)
"""Two rejections of a reported key, so far apart at least, stand for the failure threshold: a provider that rejects
everything for a moment has its keys back by then."""
REJECTIONS = 2


@dataclass(frozen=True, slots=True)
class HolderView:
    """What is kept of a KeyHolder. `pod`: the UID of the pod that owns it and has its name; "" where there is none, or
    nothing to tell of. `rejected`: pools and key ids."""

    pod: str = ""
    rejected: frozenset[tuple[str, str]] = frozenset()


NOTHING = HolderView()


def pod_counts(pod: Mapping[str, Any], uid: str) -> bool:
    """Whether what the holder of a pod says counts: it is that pod, by UID, and has not finished."""
    is_it = (pod.get("metadata") or {}).get("uid") == uid
    return is_it and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def next_probe(o: Observation, key: KeyRecord, ordinary: datetime) -> datetime:
    """When a published key is to be asked about: at once where it is reported as rejected, and once more after that."""
    since, check = o.reported.get(key.name), o.checks.get(key.name)
    if since is None or key.state is not KeyState.ACTIVE:
        return ordinary
    if check is None:
        return min(ordinary, since)
    if check.at < since:
        return min(ordinary, max(since, check.at + SOONEST))
    if check.accepted or is_confirmed(o, key):
        return ordinary
    return min(ordinary, max((check.first or check.at) + APART, check.at + SOONEST))


def is_confirmed(o: Observation, key: KeyRecord) -> bool:
    """Whether the provider, asked because of a report, has rejected a key as often as it takes."""
    since, check = o.reported.get(key.name), o.checks.get(key.name)
    if since is None or check is None or check.accepted or check.first is None or check.at < since:
        return False
    return check.rejections >= REJECTIONS and check.at - check.first >= APART
