"""Whether what the pools of an account are to do fits its request budget: told before anything is late. Purely
computational; nothing is stopped by it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from keypool.api.pool import ApiKeyPoolSpec
from keypool.api.provider_budget import RequestBudget
from keypool.core.budget import share
from keypool.core.capabilities import Capabilities
from keypool.core.effective import effective
from keypool.core.observation import Problem
from keypool.core.reasons import Reason
from keypool.core.rotation import SPREAD
from keypool.core.turns import Rank

REQUESTS_PER_ROTATION = 4
"""Create, probe, delete, and the proof that the old value is dead; one more where usage is read before."""
DAY = timedelta(days=1)
MINUTES = 1440


@dataclass(frozen=True, slots=True)
class Needs:
    """Requests a day of one pool, in the long run. `probes`: and reading usage, which is as frequent."""

    rotations: float
    probes: float


def needs(spec: ApiKeyPoolSpec, capabilities: Capabilities | None) -> Needs:
    """As the spec plans it: a suspended pool is only probed."""
    known = effective(spec, capabilities)
    renewal = max(known.lifetime - known.renew_before, known.lifetime / 2)
    interval = min(renewal, known.every * (1 - SPREAD))
    reading = capabilities is not None and capabilities.reads_usage
    once_more = capabilities is not None and capabilities.tells_usage
    rotations = 0.0 if spec.suspend else known.size * (DAY / interval) * (REQUESTS_PER_ROTATION + once_more)
    return Needs(rotations, known.size * (DAY / known.probe_every) * (1 + reading))


def misfit(pools: Iterable[Needs], quota: RequestBudget) -> Problem | None:
    """What is needed, what is granted and which field to change; None when it fits."""
    each = tuple(pools)
    rotations, probes = sum(need.rotations for need in each), sum(need.probes for need in each)
    limits = (("perMinute", "minute", quota.per_minute, MINUTES), ("perDay", "day", quota.per_day, 1))
    for field, unit, calls, parts in limits:
        if calls is not None and (rotations + probes) / parts > (granted := share(calls, Rank.CREATE)):
            wanted, probing = math.ceil((rotations + probes) / parts), math.ceil(probes / parts)
            text = (
                f"the schedule of the pools needs {wanted} requests a {unit}, {probing} of them for probes "
                f"(and usage, where it is told), and "
                f"{granted} of the {calls} in spec.requestBudget.{field} are for it (the rest is kept for what is "
                f"urgent). Raise it to {_enough(wanted)} or more, or set the pools' health.probeEvery or "
                "rotation.every longer"
            )
            return Problem(Reason.SCHEDULE_EXCEEDS_BUDGET, text, stalls=False)
    return None


def _enough(wanted: int) -> int:
    """The smallest quota that grants so many calls."""
    calls = wanted
    while share(calls, Rank.CREATE) < wanted:
        calls += 1
    return calls
