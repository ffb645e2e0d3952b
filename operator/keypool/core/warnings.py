"""Settings that are accepted although an outage follows from them, told in status.warnings. Purely computational.

Only what certainly follows is told: a setting that is merely unusual is nobody's business.
"""

from datetime import timedelta

from keypool.api.duration import render
from keypool.core.ledger import KeyRecord
from keypool.core.lifecycle import KeyState
from keypool.core.observation import Observation, Problem
from keypool.core.reasons import Reason
from keypool.core.rules.creation import longest_life

FOLLOWS = timedelta(seconds=90)
"""Within so long the kubelet has brought a Secret's new content into mounted folders: a minute between its looks, and
the time that its cache keeps."""
TOLERANCE = timedelta(minutes=2)


def differs(asked: timedelta, granted: timedelta) -> bool:
    """Whether the provider lets a key live noticeably shorter than asked, or longer than rounding explains."""
    return granted < asked - max(asked / 20, TOLERANCE) or granted > longest_life(asked)


def granted_life(o: Observation) -> timedelta | None:
    """How long the provider lets the newest published key live, where that is not what was asked for."""
    keys = [key for key in o.ledger.inside(KeyState.ACTIVE) if key.granted is not None]
    if not keys:
        return None
    life = _life(max(keys, key=lambda key: key.intended_at))
    return life if differs(o.effective.lifetime, life) else None


def _life(key: KeyRecord) -> timedelta:
    """To whole seconds: the provider's clock is another one."""
    assert key.granted is not None  # noqa: S101
    return timedelta(seconds=round((key.granted - (key.created_at or key.intended_at)).total_seconds()))


def warnings(o: Observation) -> tuple[Problem, ...]:
    """What is to be told of the pool's settings as they are in force; nothing while the provider is not known."""
    if o.known_pool.spec is None or o.provider is None or not o.provider.capabilities.creates_keys:
        return ()
    found = (_lifetime(o), _overlap(o), _renewal(o))
    return tuple(problem for problem in found if problem is not None)


def _lifetime(o: Observation) -> Problem | None:
    granted, asked = granted_life(o), o.effective.lifetime
    if granted is None:
        return None
    text = f"keys are asked for {render(asked)} (key.lifetime), and the provider lets them live {render(granted)}: "
    text += (
        "they are replaced before that, so more often than rotation.every may say"
        if granted < asked
        else "a key that nobody revokes works for that long"
    )
    return Problem(Reason.LIFETIME_NOT_GRANTED, text, stalls=False)


def _overlap(o: Observation) -> Problem | None:
    overlap, known = o.effective.overlap_min, o.known_pool.spec
    assert o.provider is not None  # noqa: S101
    if overlap >= FOLLOWS or not (o.provider.capabilities.deletes_keys or o.provider.capabilities.disables_keys):
        return None
    given = known is not None and known.rotation.overlap is not None and known.rotation.overlap.min is not None
    why = "" if given else " (by default no more than rotation.every and half of key.lifetime)"
    text = (
        f"rotation.overlap.min is {render(overlap)}{why}: the kubelet needs up to {render(FOLLOWS)} to bring a new key "
        f"into a mounted folder, so after each rotation pods may be refused for up to {render(FOLLOWS - overlap)}. "
        f"Set it to {render(FOLLOWS)} or more"
    )
    return Problem(Reason.OVERLAP_TOO_SHORT, text, stalls=False)


def _renewal(o: Observation) -> Problem | None:
    """Keys that expire by themselves before mounted folders have the next one. Where the interval is shorter, they are
    replaced long before."""
    assert o.provider is not None  # noqa: S101
    granted, spec = granted_life(o), o.effective
    if granted is None and not o.provider.capabilities.sets_expiry:
        return None
    life = min(spec.lifetime, granted) if granted is not None else spec.lifetime
    left = min(spec.renew_before, life / 2)
    if left >= FOLLOWS or life - left >= spec.every:
        return None
    text = (
        f"a key is replaced {render(timedelta(seconds=int(left.total_seconds())))} before it expires "
        f"(rotation.renewBefore, at most half of its life of {render(life)}): the kubelet needs up to "
        f"{render(FOLLOWS)} to bring the new key into a mounted folder, so pods may be refused meanwhile. "
        f"Set rotation.renewBefore to {render(FOLLOWS)} or more, and a lifetime of twice that at least"
    )
    return Problem(Reason.RENEWAL_TOO_LATE, text, stalls=False)
