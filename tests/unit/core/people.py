"""Builders for pools whose keys people make: values in a Secret, and what a pass makes of them."""

from typing import Any

from pydantic import SecretStr

from keypool.core.capabilities import Capabilities
from keypool.core.effective import effective
from keypool.core.fingerprint import fingerprint
from keypool.core.lifecycle import KeyState
from keypool.core.observation import ProviderFacts
from keypool.core.reasons import Reason
from keypool.core.supply import Supply
from keypool.core.told import relay_of
from tests.unit.core.builders import DAY, NOW, a_key, a_ledger, a_pool, a_spec, accepted, planned, seen

CREATED, ACTIVE, WITHDRAWN, DRAINING, OWED = (
    KeyState.CREATED,
    KeyState.ACTIVE,
    KeyState.WITHDRAWN,
    KeyState.DRAINING,
    KeyState.OWED,
)
PLAIN = Capabilities(creates_keys=False, lists_keys=False, deletes_keys=False)
STATIC = ProviderFacts("provider-1", "vendor", "https://vendor.example/v1", PLAIN, kind="static")
FROM: Any = {"secretRef": {"name": "mine"}}


def spec(size: int = 1, **fields: Any) -> Any:
    return a_spec(size=size, keysFrom=FROM, **fields)


TEMPLATE = effective(spec(), PLAIN).template(STATIC.uid)


def made(value: str, state: Any = ACTIVE, slot: int = 0, **facts: Any) -> Any:
    """A key that people made, named like its value."""
    given = {"handle": None, "value": SecretStr(value), "label": value, "why": "supplied by people", **facts}
    return a_key(slot, state, value, template=TEMPLATE, **{"expires_at": NOW + 36525 * DAY, **given})


def held(*values: str) -> Supply:
    """People's Secret, each value under an entry of its own name."""
    return Supply("mine", {value: SecretStr(value) for value in values})


def looked(*keys: Any, supply: Supply | None, size: int = 1, pool: Any = None, **facts: Any) -> Any:
    """What a pass sees. All keys but new ones were accepted, unless `checks` say otherwise."""
    judged = accepted(*(key.name for key in keys if key.state is not CREATED))
    checks = {**judged, **facts.pop("checks", {})}
    pool = pool or a_pool(spec=spec(size))
    facts["ledger"] = facts.get("ledger", a_ledger(*keys)).model_copy(update={"relay": relay_of(STATIC)})
    return seen(*keys, pool=pool, provider=facts.pop("provider", STATIC), supply=supply, checks=checks, **facts)


def after(o: Any) -> dict[str, str]:
    """Label to state after one pass."""
    return {key.label: key.state.value for key in planned(o).ledger.keys}


def reasons(o: Any) -> list[Reason]:
    return [problem.reason for problem in planned(o).problems]


def printed(value: str) -> str:
    return fingerprint(SecretStr(value))
